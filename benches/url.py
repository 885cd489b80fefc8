"""URL normalisation as Python users call it, beside other libraries: `make bench-url`.

`python benches/url.py [FILE...]`: each file holds one URL a line. The contenders take turns in rounds, on
samples of their size; printed are medians of the CPU time of the process, nanoseconds per URL, and how many
times the Arrow call goes into each. Two threads are judged by wall time, for which the machine must be idle.
"""

from __future__ import annotations

import os
import platform
import random
import statistics
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import linktide
from url_corpus import absolute_hrefs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROUNDS = 7
SEED = 20261121
SLOW_SAMPLE = 4_000
"""URLs a round for contenders that take microseconds."""
GOALS = {
    "can_ada href": 4.0,
    "can_ada + pydomainextractor + xxhash": 12.0,
    "w3lib": 80.0,
    "w3lib + tldextract + xxhash": 140.0,
}
PACKAGES = (
    "linktide",
    "pyarrow",
    "can_ada",
    "pydomainextractor",
    "xxhash",
    "ada_url",
    "w3lib",
    "tldextract",
    "courlan",
)


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to normalise; `call` takes a sample as it wants it."""

    name: str
    call: Callable[[Any], object]
    is_slow: bool = False
    is_arrow: bool = False


def contenders() -> Iterator[Contender]:
    """Give ours, then each library that is installed (extra `bench`)."""
    yield Contender("linktide, one Arrow call", linktide.normalize_urls, is_arrow=True)
    yield Contender("linktide, from a list of str", linktide.normalize_urls)
    yield Contender("linktide, one call per URL", _each(linktide.normalize_url), is_slow=True)
    for maker in (_can_ada, _ada_url, _w3lib, _courlan):
        try:
            yield from maker()
        except ImportError as error:
            sys.stdout.write(f"left out: {error}; install the extra `bench`\n")


def _each(call: Callable[[str], object]) -> Callable[[Sequence[str]], object]:
    def run(urls: Sequence[str]) -> None:
        for url in urls:
            try:
                call(url)
            except ValueError:
                continue

    return run


def _can_ada() -> Iterator[Contender]:
    parse = import_module("can_ada").parse
    yield Contender("can_ada href", _each(lambda url: parse(url).href))
    digest = import_module("xxhash").xxh3_128_digest
    extract = import_module("pydomainextractor").DomainExtractor().extract

    def whole(url: str) -> object:
        parsed = parse(url)
        href = parsed.href
        return href, extract(parsed.hostname), digest(href.encode())

    yield Contender("can_ada + pydomainextractor + xxhash", _each(whole))


def _ada_url() -> Iterator[Contender]:
    yield Contender("ada_url", _each(import_module("ada_url").normalize_url), is_slow=True)


def _w3lib() -> Iterator[Contender]:
    canonicalize = import_module("w3lib.url").canonicalize_url
    yield Contender("w3lib", _each(canonicalize), is_slow=True)
    digest = import_module("xxhash").xxh3_64_digest
    # Its own snapshot of the list: nothing is fetched.
    extract = import_module("tldextract").TLDExtract(suffix_list_urls=(), include_psl_private_domains=True)

    def whole(url: str) -> object:
        href = canonicalize(url)
        return href, extract(href).top_domain_under_public_suffix, digest(href.encode())

    yield Contender("w3lib + tldextract + xxhash", _each(whole), is_slow=True)


def _courlan() -> Iterator[Contender]:
    yield Contender("courlan", _each(import_module("courlan").clean_url), is_slow=True)


def measure(urls: list[str], rivals: Sequence[Contender]) -> dict[str, float]:
    """Return the median nanoseconds of CPU per URL by contender."""
    chance = random.Random(SEED)  # noqa: S311  # a seeded sample is no secret
    sample = chance.sample(urls, min(SLOW_SAMPLE, len(urls)))
    inputs = {rival.name: _input(rival, urls, sample) for rival in rivals}
    times: dict[str, list[float]] = {rival.name: [] for rival in rivals}
    for count in range(ROUNDS + 1):
        for rival in chance.sample(rivals, len(rivals)):
            given, size = inputs[rival.name]
            before = time.process_time()
            rival.call(given)
            spent = time.process_time() - before
            if count:  # the first round warms up
                times[rival.name].append(spent / size * 1e9)
    return {name: statistics.median(spent) for name, spent in times.items()}


def _input(rival: Contender, urls: list[str], sample: list[str]) -> tuple[object, int]:
    if rival.is_arrow:
        return pa.array(urls, pa.string()), len(urls)
    chosen = sample if rival.is_slow else urls
    return chosen, len(chosen)


def threads_ratio(urls: list[str]) -> tuple[float, float]:
    """Return how many times faster two threads are than one by median wall time, and their CPU time over its.

    The second does not depend on how busy the machine is: at 1.1 an idle one can reach 2 / 1.1.
    """
    array = pa.array(urls, pa.string())
    walls: dict[int, list[float]] = {1: [], 2: []}
    spent: dict[int, list[float]] = {1: [], 2: []}
    for count in range(4 * ROUNDS):
        for threads in (1, 2) if count % 2 else (2, 1):
            wall, cpu = time.perf_counter(), time.process_time()
            linktide.normalize_urls(array, threads=threads)
            spent[threads].append(time.process_time() - cpu)
            walls[threads].append(time.perf_counter() - wall)
    median = statistics.median
    return median(walls[1]) / median(walls[2]), median(spent[2]) / median(spent[1])


def report(name: str, urls: list[str], rivals: Sequence[Contender]) -> None:
    """Measure one corpus and print it."""
    mean = sum(map(len, urls)) / len(urls)
    sys.stdout.write(f"\n{name}: {len(urls):,} URLs, {mean:.1f} letters on average\n")
    found = measure(urls, rivals)
    ours = found[rivals[0].name]
    for rival, spent in found.items():
        goal = f"  goal {GOALS[rival]:.0f}" if rival in GOALS else ""
        sys.stdout.write(f"  {rival:<40} {spent:>10,.0f} ns {spent / ours:>8.1f}x{goal}\n")
    faster, cpu = threads_ratio(urls)
    sys.stdout.write(f"  two threads: {faster:.2f}x one by wall time, goal 1.8; {cpu:.2f}x its CPU time\n")


def corpora(files: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Give the real links shuffled and in page order, then the user's files."""
    try:
        hrefs = absolute_hrefs(Path(os.environ.get("LINKTIDE_DATA", "../shared/data")))
    except FileNotFoundError as error:
        sys.stdout.write(f"no real links: {error}; set LINKTIDE_DATA\n")
    else:
        shuffled = hrefs.copy()
        random.Random(SEED).shuffle(shuffled)  # noqa: S311
        yield "distinct links, shuffled", shuffled
        yield "distinct links, page order", hrefs
    for file in files:
        yield file, [line for line in Path(file).read_text("utf-8").splitlines() if line]


def main(files: Sequence[str]) -> None:
    """Print versions and machine, then each corpus."""
    for package in PACKAGES:
        try:
            sys.stdout.write(f"{package} {version(package)}  ")
        except PackageNotFoundError:
            sys.stdout.write(f"{package} absent  ")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    sys.stdout.write(f"\nPython {platform.python_version()}, {os.cpu_count()} CPUs, load {load}\n")
    rivals = list(contenders())
    for name, urls in corpora(files):
        report(name, urls, rivals)


if __name__ == "__main__":
    main(sys.argv[1:])
