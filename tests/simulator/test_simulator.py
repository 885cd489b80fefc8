"""Whatever befalls the core loop between two steps, the state is what brute force makes of the topic.

LINKTIDE_SIM_SEED replays one seed, LINKTIDE_SIM_SEEDS says how many are run. Most run on a fake store with
the fence and the folds of the real one; a few, and any that is replayed, on DuckDB in memory too.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linktide.config import load
from linktide.index import Decoder
from linktide.restore import index_options
from simulator.fake_store import FakeStore, Schemas
from simulator.judged import differences
from simulator.memory_store import MemoryStore
from simulator.world import FAULTS, STEPS, World

if TYPE_CHECKING:
    from linktide.index import IndexOptions

SEEDS = int(os.environ.get("LINKTIDE_SIM_SEEDS") or 1_000)
ONE = os.environ.get("LINKTIDE_SIM_SEED")
ROUNDS = 20
REAL_SEEDS = 1
"""How many of each round run on DuckDB as well."""
BATCH_BYTES = (1, 600, 3_000, 96 << 20)


@dataclass(frozen=True)
class Lab:
    """What all seeds share."""

    store: MemoryStore
    schemas: Schemas
    options: IndexOptions
    decoders: tuple[Decoder, ...]

    def run(self, seed: int, *, is_real: bool) -> Counter[str]:
        """Run one seed and hold its state to the oracle; return what was done."""
        if is_real:
            self.store.clear()
        store = self.store if is_real else FakeStore(self.schemas)
        world = World(seed, store, self.options, self.decoders)
        try:
            world.run()
            told = differences(world)
        except Exception as error:
            raise AssertionError(f"LINKTIDE_SIM_SEED={seed} on {type(store).__name__}: {error!r}") from error
        assert not told, "\n".join([f"LINKTIDE_SIM_SEED={seed} on {type(store).__name__}", *told[:20]])
        return world.counts


@pytest.fixture(scope="module")
def lab() -> Lab:
    store = MemoryStore()
    config = load(flags={"authority_min_domains": 0}, environ={}, folder=Path.cwd())
    seed = store.database.pins.hash_seed
    decoders = tuple(Decoder(store.suffixes, seed, 1 << 20, most) for most in BATCH_BYTES)
    return Lab(store, Schemas.of(store.database), index_options(config, seed), decoders)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_any_seed(number: int, lab: Lab) -> None:
    if ONE is not None:
        if number > 0:
            pytest.skip("one seed is replayed")
        for is_real in (False, True):
            lab.run(int(ONE), is_real=is_real)
        return
    first = random.SystemRandom().randrange(1 << 48)
    seeds = range(first, first + SEEDS // ROUNDS)
    print(f"LINKTIDE_SIM_SEED={seeds[0]} to {seeds[-1]}")  # noqa: T201 -- replays them
    done: Counter[str] = Counter()
    for seed in seeds:
        done += lab.run(seed, is_real=False)
    for seed in seeds[:REAL_SEEDS]:
        lab.run(seed, is_real=True)
    # Or the simulator spares the loop something; too few seeds may.
    assert len(seeds) < 50 or {*STEPS, *FAULTS, "restart"} <= done.keys()
