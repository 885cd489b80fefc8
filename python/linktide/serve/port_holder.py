"""Which process listens on a port, read from /proc: for the sentence that says so."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_LISTENING = "0A"
_STATE, _LOCAL, _INODE = 3, 1, 9


def port_holder(port: int, proc: Path = Path("/proc")) -> str:
    """Return "NAME (pid N)" of the process that listens on a TCP port, or "another program" if unknown.

    Processes of other users cannot be seen into; outside Linux none can.
    """
    with suppress(OSError, ValueError, IndexError):
        sockets = {
            f"socket:[{inode}]"
            for table in ("tcp", "tcp6")
            for inode in _listening(proc / "net" / table, port)
        }
        for link in proc.glob("[0-9]*/fd/*") if sockets else ():
            with suppress(OSError):
                if str(link.readlink()) in sockets:
                    folder = link.parent.parent
                    return f"{(folder / 'comm').read_text('utf-8').strip()} (pid {folder.name})"
    return "another program"


def _listening(table: Path, port: int) -> list[str]:
    """Return the inodes of listening sockets on the port; a row is `n: address:port remote state … inode`."""
    if not table.exists():
        return []
    rows = [line.split() for line in table.read_text("ascii").splitlines()[1:]]
    return [
        row[_INODE]
        for row in rows
        if row[_STATE] == _LISTENING and int(row[_LOCAL].rpartition(":")[2], 16) == port
    ]
