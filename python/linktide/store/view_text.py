"""The text of the views, with one thing put in that each macro for outsiders would have to say: names fold.

Tables have domains in lower case. What a documented macro takes for a domain may be written in any case, so
every such parameter is read through `lower`, and lists of them through `internal.lowered`. It is a constant
once the statement is bound: a filter by it reaches the sorted runs as before.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import Final

_FOLDED: Final = {
    "domain_name": "lower(domain_name)",
    "own_domain": "lower(own_domain)",
    "domain_names": "internal.lowered(domain_names)",
    "rivals": "internal.lowered(rivals)",
}
"""Parameter of a macro → what its body reads in its place."""
_MACRO: Final = re.compile(
    r"^CREATE OR REPLACE MACRO main\.\w+\((?P<parameters>.*)\) AS TABLE\n(?P<body>(?:.*\n)*?.*;)$",
    re.MULTILINE,
)


def view_files() -> list[str]:
    """Return the names of the files of views, in the order in which they are made."""
    return sorted(
        file.name
        for file in resources.files(__package__).joinpath("views").iterdir()
        if file.name.endswith(".sql")
    )


def view_text(name: str) -> str:
    """Return the statements of a file."""
    text = resources.files(__package__).joinpath("views", name).read_text(encoding="utf-8")
    return _MACRO.sub(_with_names_folded, text)


def _with_names_folded(macro: re.Match[str]) -> str:
    begin = macro.start("body") - macro.start()
    head, body = macro[0][:begin], macro["body"]
    for parameter in re.findall(r"(?:^|, )(\w+)", macro["parameters"]):
        if parameter in _FOLDED:
            # Not the column of a table, what a column is called, nor the parameter of another macro.
            body = re.sub(rf"(?<![.\w])(?<!AS ){parameter}(?!\w| :=)", _FOLDED[parameter], body)
    return head + body
