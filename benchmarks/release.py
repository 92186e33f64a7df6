"""Measure the release: writing it, its size, how soon a page shows, search, comparing two.

    python benchmarks/release.py            prints the tables of docs/explanation/release.md

Of the bundled study, and of the real one where RAVENSTEIN_SHARED (default ../shared) has its files.
No other program makes such a release of the same tables: there is no peer to measure.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from timing import median

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("RAVENSTEIN_SHARED", ROOT.parent / "shared"))
CHROMIUM = os.environ.get("RAVENSTEIN_CHROMIUM") or shutil.which("chromium")
PAINTED = """() => new Promise((told) => {
  const first = (list) =>
    list.getEntriesByName("first-contentful-paint").forEach((entry) => told(entry.startTime));
  new PerformanceObserver(first).observe({ type: "paint", buffered: true });
})"""
# as tests/browser/test_search.py asks: every seventh area by a letter, three, its name, a slip
ANSWERS = """() => {
  const input = document.querySelector("[role=combobox]");
  const names = [...ravenstein.known.values()].map((a) => a.name).filter((_, i) => i % 7 === 0);
  const typed = names.flatMap((n) => [n.slice(0, 1), n.slice(0, 3), n, n.slice(0, 4) + "x"]);
  const answer = (query) => {
    const start = performance.now();
    input.value = query;
    input.dispatchEvent(new Event("input"));
    document.querySelector(".found").getBoundingClientRect();
    return performance.now() - start;
  };
  const queries = [...typed, "E06", "e", "qqqqqq"];
  return [1, 2, 3].map(() => queries.map(answer));
}"""


def ravenstein(*words: str) -> None:
    """Run a command in silence, as a user would."""
    command = (sys.executable, "-m", "ravenstein", *words)
    subprocess.run(command, check=True, capture_output=True)


def write_release(study: Path) -> None:
    """Write the release of a study whose tables are made."""
    ravenstein("run", str(study), "--only", "release", "--quiet")


def sizes(release: Path) -> tuple[int, int, float, float, float, Path]:
    """Return pages, files, MB, kB of the largest area page alone and with charts, and which."""
    files = [path for path in release.rglob("*") if path.is_file()]
    pages = sum(path.suffix == ".html" for path in files)
    weighed = []
    for path in sorted((release / "areas").glob("*.html")):
        alone = path.stat().st_size
        charts = set(re.findall(r'src="\.\./(charts/[^"]*)"', path.read_text(encoding="utf-8")))
        whole = alone + sum((release / chart).stat().st_size for chart in charts)
        weighed.append((whole / 1e3, alone / 1e3, path))
    whole, alone, largest = max(weighed)
    total = sum(path.stat().st_size for path in files) / 1e6
    return pages, len(files), total, alone, whole, largest


def in_browser(path: Path) -> tuple[float, list[float]] | None:
    """Return ms to the first contentful paint of a page, and of each answer of its search."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if CHROMIUM is None:
        return None
    paints = []
    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        for _ in range(9):
            page = browser.new_page()
            page.goto(path.as_uri())
            paints.append(page.evaluate(PAINTED))
        answers = page.evaluate(ANSWERS)
        browser.close()
    # the quickest of three: what other programs of the machine take away is not the search's
    return statistics.median(paints), sorted(map(min, zip(*answers, strict=True)))


def revise(study: Path, **changed: str) -> None:
    """Write a second release with other figures: numbers of study.toml set to other values."""
    path = study / "study.toml"
    text = path.read_text(encoding="utf-8")
    for key, value in changed.items():
        text = re.sub(rf"(?m)^{key} = \d+", f"{key} = {value}", text)
    path.write_text(text, encoding="utf-8")
    write_release(study)


def measured(study: Path, reach: tuple[str, str], other: dict[str, str]) -> Iterator[str]:
    """Yield rows of the table of a study.

    Args:
        study: Its folder, run.
        reach: What its seconds and size shall be.
        other: Keys of study.toml, and their values in the second release.
    """
    release = study / "release"
    seconds = median(lambda: write_release(study), 3)
    pages, files, total, alone, whole, largest = sizes(release)
    yield f"| write it, s | {reach[0]} | {seconds:.1f} |"
    yield f"| pages, files | | {pages}, {files:,} |"
    yield f"| size, MB | {reach[1]} | {total:.1f} |"
    yield f"| largest area page, kB: alone, with its charts | < 300 | {alone:.0f}, {whole:.0f} |"
    found = in_browser(largest)
    if found is None:
        yield "| in the browser | | skipped: no Playwright or Chromium |"
    else:
        painted, times = found
        p50, p95 = (times[int(share * len(times))] for share in (0.5, 0.95))
        yield f"| its first contentful paint, ms | < 1,000 | {painted:.0f} |"
        figures = f"{p50:.1f}, {p95:.1f}, {times[-1]:.1f}"
        yield f"| {len(times)} searches, ms: p50, p95, longest | < 50 | {figures} |"
    revise(study, **other)
    compare = ("release", "diff", "1", "latest", "--dir", str(study), "--json")
    yield f"| `release diff 1 latest`, s | | {median(lambda: ravenstein(*compare), 3):.1f} |"


def main() -> None:
    """Print the tables."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; medians")
    with tempfile.TemporaryDirectory() as folder:
        for name, data, reach, other in (
            ("the bundled study", None, ("< 20", ""), {"last": "2013"}),
            ("the real study", SHARED / "data", ("< 90", "< 60"),
             {"last": "2018", "edition": "2019"}),
        ):  # fmt: skip
            if data and not data.is_dir():
                print(f"\n{name}: skipped, no files in {data}")
                continue
            study = Path(folder) / name.replace(" ", "-")
            ravenstein("init", str(study), *(("--data", str(data)) if data else ()))
            ravenstein("run", str(study), "--quiet")
            print(f"\n| {name} | reach | measured |\n| --- | --- | --- |")
            for row in measured(study, reach, other):
                print(row, flush=True)


if __name__ == "__main__":
    main()
