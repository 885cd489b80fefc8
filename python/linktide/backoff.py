"""How long a failed session waits for the next one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0


@dataclass
class Backoff:
    """Pauses that double while nothing gets better."""

    first: float = FIRST_PAUSE_SECONDS
    longest: float = LONGEST_PAUSE_SECONDS
    _next: float = 0.0

    def pause(self, *, has_gone_on: bool, lived_seconds: float) -> float:
        """Return the seconds to wait after a session that failed.

        One that stored something or lived for long was well: what ends it begins with a short pause again,
        as a fault that comes now and then must not make its victim ever slower.
        """
        if has_gone_on or lived_seconds > self.longest:
            self._next = self.first
        paused = max(self._next, self.first)
        self._next = min(2 * paused, self.longest)
        return paused
