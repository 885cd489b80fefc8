"""What a client sends, read within bounds and checked."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import anyio
import pyarrow as pa
from starlette.exceptions import HTTPException

from linktide.serve.answers import JSON_TYPE, RETRY_AFTER_SECONDS
from linktide.serve.arrow_stream import ARROW_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

MAX_QUERY_BYTES = 1 << 20
MAX_LIST_BYTES = 16 << 20
MAX_SLICE_BYTES = 64 << 20
"""A slice of an own table; one row may take nearly as much."""
_HEADER_BYTES = 4096
_OFFSET = re.compile(r"[0-9]{1,19}", re.ASCII)
_MAX_OFFSET = 2**63 - 1
_DEFAULT_TOPIC = "push"
_QUALITY = re.compile(r"\bq\s*=\s*([01](?:\.[0-9]{0,3})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """The body of a query."""

    sql: str
    max_rows: int | None
    parameters: list[object] | dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class AskedExplain:
    """The body of a question why authority changed."""

    domain_name: str
    from_at: str
    to_at: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class AskedWhatIf:
    """The body of a question what other links would do."""

    domain_name: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where pushed lines belong."""

    topic: str
    topic_id: str
    first_offset: int | None


@dataclass(frozen=True, slots=True)
class LoadStep:
    """A step of a load of an own table: begin, rows, finish, abandon; or unload."""

    step: str
    name: str = ""
    mode: str = "new"
    token: str = ""
    rows: pa.Table | None = None


class BodyBudget:
    """Bytes that bodies of all requests together may hold. Used by the event loop's thread alone."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._used_bytes = 0

    @contextmanager
    def share(self) -> Iterator[BodyShare]:
        """Give one request its share, and take it back at the end."""
        share = BodyShare(self)
        try:
            yield share
        finally:
            self._used_bytes -= share.used_bytes

    def take(self, size: int) -> None:
        """Count `size` bytes more; raises HTTPException 429 if they would be too many."""
        if self._used_bytes + size > self._most_bytes:
            raise busy(
                429,
                f"Requests hold {self._used_bytes:,} bytes of at most {self._most_bytes:,}: try again soon.",
            )
        self._used_bytes += size


class BodyShare:
    """What one request holds of a budget."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self.used_bytes = 0

    def take(self, size: int) -> None:
        """Hold `size` bytes more."""
        self._budget.take(size)
        self.used_bytes += size


def busy(status: int, sentence: str) -> HTTPException:
    """Return an error that says when to ask again."""
    return HTTPException(status, sentence, {"Retry-After": str(RETRY_AFTER_SECONDS)})


async def read_body(request: Request, most_bytes: int, seconds: float, share: BodyShare) -> bytes:
    """Return the body. Raises HTTPException: 413 too long, 415 packed, 408 not whole in `seconds`."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "The body is packed (Content-Encoding); send it plain.")
    told = request.headers.get("content-length", "")
    if _OFFSET.fullmatch(told) and int(told) > most_bytes:
        raise _too_long(most_bytes)
    parts: list[bytes] = []
    size = 0
    try:
        with anyio.fail_after(seconds):
            async for part in request.stream():
                size += len(part)
                if size > most_bytes:
                    raise _too_long(most_bytes)
                share.take(len(part))
                parts.append(part)
    except TimeoutError as error:
        raise HTTPException(
            408, f"The body was not whole after {seconds:g} s; send less at a time."
        ) from error
    return b"".join(parts)


def _too_long(most_bytes: int) -> HTTPException:
    return HTTPException(413, f"The body is longer than {most_bytes:,} bytes; send it in pieces.")


def read_query(body: bytes) -> AskedQuery:
    """Return what a query's body asks; raises HTTPException 400 saying what is wanted."""
    wanted = 'wanted {"sql": "SELECT …"}, optionally with "max_rows" and "parameters"'
    told = _read_object(body, wanted, {"sql", "max_rows", "parameters"})
    max_rows = _whole(told, "max_rows", 1)
    return AskedQuery(_text(told, "sql", wanted), max_rows, _parameters(told.get("parameters")))


def _parameters(told: object) -> list[object] | dict[str, object] | None:
    if told is None:
        return None
    if isinstance(told, list):
        return [_parameter(value) for value in told]
    if isinstance(told, dict):
        return {name: _parameter(value) for name, value in told.items()}
    raise HTTPException(
        400, "parameters is no list and no object; wanted the values of $1, $2 …, or by name."
    )


def _parameter(value: object) -> object:
    """Return the value of one parameter; a time or date comes as an object that says so."""
    if isinstance(value, list):
        return [_parameter(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (kind, text), *_ = value.items()
        with suppress(ValueError, TypeError):
            if kind == "timestamp":
                return _zoned(datetime.fromisoformat(text))
            if kind == "date":
                return date.fromisoformat(text)
    raise HTTPException(
        400,
        'A parameter is an object; wanted a text, number, truth value, null, a list of them, {"timestamp": '
        '"2026-11-27T12:00:00Z"} or {"date": "2026-11-27"}.',
    )


def _zoned(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError
    return time


def read_explain(body: bytes) -> AskedExplain:
    """Return what the body asks; raises HTTPException 400 saying what is wanted."""
    wanted = 'wanted {"domain_name": "…", "from_at": "2026-11-01"}, optionally with "to_at" and "limit"'
    told = _read_object(body, wanted, {"domain_name", "from_at", "to_at", "limit"})
    to_at = None if told.get("to_at") is None else _text(told, "to_at", wanted)
    name, from_at = (_text(told, key, wanted) for key in ("domain_name", "from_at"))
    return AskedExplain(name, from_at, to_at, _whole(told, "limit", 0) or 0)


def read_what_if(body: bytes) -> AskedWhatIf:
    """Return what the body asks; raises HTTPException 400 saying what is wanted."""
    wanted = 'wanted {"domain_name": "…", "gained": ["…"], "lost": ["…"]}'
    told = _read_object(body, wanted, {"domain_name", "gained", "lost"})

    def names(key: str) -> tuple[str, ...]:
        found = told.get(key, [])
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            raise HTTPException(400, f"{key} is no list of texts; {wanted}.")
        return tuple(found)

    return AskedWhatIf(_text(told, "domain_name", wanted), names("gained"), names("lost"))


def want_json(request: Request) -> None:
    """Raise HTTPException 415 unless the body says to be JSON: a form of another site cannot say so."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON_TYPE:
        raise HTTPException(415, f"The Content-Type is not {JSON_TYPE}; send it with the JSON.")


def read_reviews(body: bytes) -> dict[str, object]:
    """Return what the body says of domains and pages; raises HTTPException 400 saying what is wanted."""
    return _read_object(body, 'wanted {"reviews": [{"subject": "…", "state": "…"}]}', {"reviews", "noted_by"})


def _read_object(body: bytes, wanted: str, known: set[str]) -> dict[str, object]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"The body is no JSON; {wanted}.") from error
    if not isinstance(told, dict):
        return {}  # lacks whatever is wanted
    if unknown := sorted(set(told) - known):
        raise HTTPException(400, f"The body holds {unknown[0]!r}, which is not known; {wanted}.")
    return told


def _text(told: dict[str, object], key: str, wanted: str) -> str:
    found = told.get(key)
    if not isinstance(found, str):
        raise HTTPException(400, f"The body lacks the text {key}; {wanted}.")
    return found


def _whole(told: dict[str, object], key: str, least: int) -> int | None:
    found = told.get(key)
    if found is None:
        return None
    if type(found) is not int or found < least:
        raise HTTPException(400, f"{key} is not a whole number of at least {least}.")
    return found


def read_text(body: bytes) -> str:
    """Return the body as text; raises HTTPException 400 if it is not UTF-8."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise HTTPException(400, "The body is not UTF-8; wanted the text of a public suffix list.") from error


def read_flag(request: Request, name: str) -> bool:
    """Return a parameter that is true or false, false if absent; raises HTTPException 400 for any other."""
    if unknown := sorted(set(request.query_params) - {name}):
        raise HTTPException(400, f"The parameter {unknown[0]!r} is not known; wanted {name}.")
    found = request.query_params.getlist(name) or ["false"]
    if found not in (["true"], ["false"]):
        raise HTTPException(400, f"{name} is {found[0]!r}; wanted true or false, once.")
    return found == ["true"]


def read_load_step(request: Request) -> LoadStep:
    """Return what the parameters ask, without rows; raises HTTPException 400 saying what is wanted."""
    wanted = ("step", "name", "mode", "token")
    if unknown := sorted(set(request.query_params) - set(wanted)):
        raise HTTPException(
            400, f"The parameter {unknown[0]!r} is not known; wanted some of {', '.join(wanted)}."
        )
    if any(len(request.query_params.getlist(name)) > 1 for name in wanted):
        raise HTTPException(400, "A parameter came more than once; send it once.")
    if "step" not in request.query_params:
        raise HTTPException(400, "step is missing; wanted begin, rows, finish, abandon or unload.")
    return LoadStep(**request.query_params)


def read_arrow(body: bytes) -> pa.Table | None:
    """Return the rows of an Arrow stream, None of an empty body; raises HTTPException 400 if it is none."""
    if not body:
        return None
    try:
        table = pa.ipc.open_stream(body).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise HTTPException(400, "The body is no sound Arrow stream.") from error
    if table.nbytes > MAX_SLICE_BYTES:
        raise HTTPException(413, f"The rows take more than {MAX_SLICE_BYTES:,} bytes; send fewer at a time.")
    return table


def read_stretch(request: Request) -> Stretch:
    """Return what the Linktide- headers say; raises HTTPException 400 naming the header."""
    topic = _header(request, "Linktide-Topic") or _DEFAULT_TOPIC
    topic_id = _header(request, "Linktide-Topic-Id") or ""
    first = _header(request, "Linktide-First-Offset")
    if first is None:
        if topic_id:
            raise HTTPException(400, "Linktide-Topic-Id came without Linktide-First-Offset; send both.")
        return Stretch(topic, topic_id, None)
    if not _OFFSET.fullmatch(first) or int(first) > _MAX_OFFSET:
        raise HTTPException(400, f"Linktide-First-Offset is no whole number from 0 to {_MAX_OFFSET}.")
    return Stretch(topic, topic_id, int(first))


def _header(request: Request, name: str) -> str | None:
    """Return a header, percent-encoded or plain UTF-8, None if absent; it may be any text."""
    found = [value for key, value in request.headers.raw if key == name.lower().encode("ascii")]
    if not found:
        return None
    if len(found) > 1:
        raise HTTPException(400, f"{name} came more than once; send it once.")
    if len(found[0]) > _HEADER_BYTES:
        raise HTTPException(400, f"{name} is longer than {_HEADER_BYTES} bytes.")
    try:
        text = unquote_to_bytes(found[0]).decode("utf-8")
    except UnicodeDecodeError as error:
        raise HTTPException(400, f"{name} is not UTF-8.") from error
    if not text or "\0" in text:
        raise HTTPException(400, f"{name} is empty or holds a NUL character.")
    return text


def wants_json(accept: str) -> bool:
    """Tell whether an Accept header names JSON, and Arrow not or less gladly."""
    shares = {"application/json": 0.0, ARROW_TYPE: 0.0}
    for one in accept.lower().split(","):
        media, _, rest = one.partition(";")
        if media.strip() in shares:
            match = _QUALITY.search(rest)
            shares[media.strip()] = float(match[1]) if match else 1.0
    return shares["application/json"] > shares[ARROW_TYPE]
