"""The report as one HTML file: it loads nothing, and runs nothing but the plots it came with."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from linktide.web.assets import assets
from linktide.web.render import Pages

if TYPE_CHECKING:
    from datetime import datetime

    from linktide.web.report.report import Report

_STYLES: Final = ("uplot.css", "page.css")
_SCRIPTS: Final = ("uplot.js", "plots.js")


def report_html(report: Report, made_at: datetime) -> str:
    """Return the page. Strangers' text is escaped in it, and no spreadsheet takes a cell for a formula."""
    files = assets()
    styles = [files[name].content.decode("utf-8") for name in _STYLES]
    scripts = [files[name].content.decode("utf-8") for name in _SCRIPTS]
    facts = {
        "report": report,
        "made_at": made_at,
        "styles": [Markup(style) for style in styles],  # noqa: S704 - files of the package
        "scripts": [Markup(script) for script in scripts],  # noqa: S704 - files of the package
        "policy": _policy(styles, scripts),
        "plots": {part.section.name: _plot(part.section.plot, part.rows) for part in report.parts},
    }
    return Pages(files).render("report.html", facts)


def _plot(make: object, rows: object) -> object:
    return make(rows) if callable(make) else None


def _policy(styles: list[str], scripts: list[str]) -> str:
    """Allow what the file itself holds by its hash, and nothing else."""
    return (
        f"default-src 'none'; style-src {' '.join(map(_hash, styles))}; "
        f"script-src {' '.join(map(_hash, scripts))}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
