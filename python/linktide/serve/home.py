"""The page at /: what answers here and where things are. No script, no style, no text of strangers."""

from __future__ import annotations

from typing import Final

HOME_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>linktide</title>
<h1>linktide</h1>
<p>A live backlink index answers here. In a terminal, <code>linktide top</code> shows it.</p>
<ul>
<li><a href="/api/v1/status">/api/v1/status</a>: what the service is and does
<li><a href="/api/v1/top">/api/v1/top</a>: the figures of <code>linktide top</code>
<li><a href="/metrics">/metrics</a>: metrics for Prometheus
<li><a href="/-/healthy">/-/healthy</a>, <a href="/-/ready">/-/ready</a>: is it alive, do events flow
<li>POST /api/v1/query: one SQL statement in, Arrow or JSON out
<li>POST /api/v1/events: events in, one JSON object a line
</ul>
<p>Routes are described in docs/http.md, views for SQL in docs/sql.md, metrics in docs/metrics.md.</p>
</html>
"""
