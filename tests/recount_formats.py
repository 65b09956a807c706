"""Counts every figure of every report again, from the audit files alone and in SQL, for 200 random runs.

DuckDB reads the lines of `audit.jsonl` and counts jobs by state and set, attempts, retries, throttled answers, statuses, latencies
and their nearest-rank percentiles. Then each format is read by what its readers use (JSON, CSV, an XML reader for JUnit, a renderer of
GitHub's Markdown, an HTML parser, Prometheus' text format, the lines of the terminal), and every figure in it must be the one that SQL
has found. Each format must have the figures that it promises: one that leaves them out fails.

Exits 1 with the first differences.
"""

import argparse
import csv
import html.parser
import json
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import duckdb
from junitparser import Error, Failure, JUnitXml, Skipped

SQL = pathlib.Path(__file__).with_name("recount_formats.sql")
STATES = ["succeeded", "accepted", "rejected", "not_sent", "unknown", "not_bridged", "skipped", "not_attempted"]
COUNTS = ["jobs", *STATES]
SUMS = ["total_operations", "success_count", "failure_count"]
EFFORT = ["attempts", "retries", "throttled"]
LATENCY = ["answers", "min", "mean", "p50", "p90", "p95", "p99", "max"]
TIMES = LATENCY[1:]

# The figures that a format must have: of each set, and of the whole run.
PROMISED = {
    "summary.json": ([*COUNTS, *SUMS, *EFFORT, *LATENCY, "rate", "by_status", "failed", "completion"], ["throughput", "duration"]),
    "summary.csv": ([*COUNTS, *SUMS, *EFFORT, *TIMES, "rate", "by_status"], ["throughput"]),
    "results.csv": ([*COUNTS, "attempts"], []),
    "junit.xml": ([*COUNTS, *SUMS, *EFFORT, *TIMES, "rate"], ["duration"]),
    "summary.md": ([*COUNTS, *EFFORT, *LATENCY, "rate"], []),
    "metrics.prom": ([*COUNTS, *EFFORT, *LATENCY, "rate"], ["duration"]),
    "report.html": ([*COUNTS, *LATENCY], [*EFFORT, "rate"]),
    "terminal": (["jobs", "unknown", "rate", "p95", "total_operations", "success_count"], [*COUNTS, *EFFORT, *TIMES, "throughput"]),
}
# Half of the last decimal that a figure is shown with; all others are exact.
ROUNDED = {"mean": 0.000_51, "rate": 0.005_1, "completion": 0.005_1, "throughput": 0.000_51, "duration": 0.000_51}
# The terminal shows no more sets.
SETS_ON_TERMINAL = 5


def recount(folder: pathlib.Path) -> dict[str, dict]:
    """What SQL counts: by run, by set (None: the whole run), by figure."""
    database = duckdb.connect()
    database.execute("SET threads = 2")
    database.execute(SQL.read_text(encoding="utf-8").replace("{folder}", str(folder)))
    found: dict[str, dict] = {}
    cursor = database.execute("SELECT * FROM figures ORDER BY run, place")
    names = [column[0] for column in cursor.description]
    for row in cursor.fetchall():
        figures = dict(zip(names, row))
        run, name, whole = figures.pop("run"), figures.pop("set"), figures.pop("place") is None
        figures["by_status"] = {str(status): count for status, count in (figures["by_status"] or {}).items()}
        found.setdefault(run, {})[None if whole else name] = figures
    return found


def number(text: str) -> float | None:
    """A number as people read it; None where there is none."""
    text = text.replace(",", "").replace("%", "").replace(" ms", "").strip()
    return None if text in ("", "–", "no data") else float(text)


def of_json(path: pathlib.Path, _: str) -> dict:
    document = json.loads(path.read_text(encoding="utf-8"))

    def figures(of: dict) -> dict:
        latency = of["latency_ms"] or {"answers": 0}
        found = {name: of[name] for name in [*COUNTS, *SUMS, *EFFORT, "by_status"]}
        found |= {name: latency.get(name) for name in LATENCY} | {"mean": of["average_latency_ms"]}
        found |= {"failed": of["failed"], "completion": of["completion_rate_percent"]}
        return found | {"rate": of["success_rate_percent"], "throughput": of["throughput_per_s"]}

    whole = figures(document["total"]) | {"duration": document["duration_ms"]}
    return {None: whole} | {of["set"]: figures(of) for of in document["sets"]}


def of_summary_csv(path: pathlib.Path, _: str) -> dict:
    found = {}
    with path.open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            figures = {name: int(row[name]) for name in [*COUNTS, *SUMS, *EFFORT]}
            figures |= {name: number(row[f"latency_{name}_ms"]) for name in TIMES if name != "mean"}
            figures["mean"], figures["rate"] = number(row["average_latency_ms"]), number(row["success_rate_percent"])
            figures["throughput"] = number(row["throughput_per_s"])
            pairs = (pair.split("=") for pair in row["by_status"].split())
            figures["by_status"] = {status: int(count) for status, count in pairs}
            found[None if row["scope"] == "total" else row["set"]] = figures
    return found


def of_results_csv(path: pathlib.Path, _: str) -> dict:
    found: dict = {None: dict.fromkeys([*COUNTS, "attempts"], 0)}
    with path.open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            for scope in (None, row["set"]):
                figures = found.setdefault(scope, dict.fromkeys([*COUNTS, "attempts"], 0))
                figures["jobs"] += 1
                figures[row["state"]] += 1
                figures["attempts"] += int(row["attempts"])
    return found


def of_junit(path: pathlib.Path, _: str) -> dict:
    document = JUnitXml.fromfile(str(path))
    found = {}
    for suite in document:
        own = {prop.name: prop.value for prop in suite.properties()}
        cases = [[(type(result), result.type) for result in case.result] for case in suite]
        for kind, attribute in ((Failure, suite.failures), (Error, suite.errors), (Skipped, suite.skipped)):
            counted = sum(any(one is kind for one, _ in case) for case in cases)
            assert counted == attribute, f"{suite.name}: {counted} cases, the attribute says {attribute} of {kind}"
        assert suite.tests == len(cases), f"{suite.name}: {len(cases)} cases, the attribute says {suite.tests}"
        if suite.name == "criteria":
            continue
        figures = {name: int(own[name]) for name in [*COUNTS, *SUMS, *EFFORT]}
        figures |= {name: number(own.get(f"latency_{name}_ms", "")) for name in TIMES if name != "mean"}
        figures["mean"] = number(own.get("average_latency_ms", ""))
        figures["rate"] = number(own.get("success_rate_percent", ""))
        if suite.name == "run":
            found[None] = figures | {"duration": suite.time * 1000.0}
            continue
        # The cases say the same as the properties.
        by_kind = dict.fromkeys(STATES, 0)
        for case in cases:
            for _, kind in case:
                by_kind[kind] += 1
        for state in STATES[2:]:
            assert by_kind[state] == figures[state], f"{suite.name}: {by_kind} and {figures}"
        assert suite.tests == figures["jobs"], suite.name
        found[suite.name.removeprefix("set ")] = figures
    run, criteria = (next(suite for suite in document if suite.name == name) for name in ("run", "criteria"))
    assert document.tests == found[None]["jobs"] + run.tests + criteria.tests, "the attribute of the root"
    return found


class Tables(html.parser.HTMLParser):
    """The tables of a page, each with the heading before it and its caption; and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[tuple[list[str], list[list[str]]]] = []
        self.words: list[str] = []
        self.heading, self.cell, self.part = "", None, ""

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag in ("h1", "h2", "h3"):
            self.heading, self.cell = "", None
            self.part = tag
        elif tag == "table":
            self.tables.append(([self.heading, ""], []))
            self.part = "table"
        elif tag == "caption":
            self.part = "caption"
        elif tag == "tr":
            self.tables[-1][1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][1][-1].append("")
            self.cell = self.tables[-1][1][-1]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.cell = None
        elif tag in ("h1", "h2", "h3", "table", "caption"):
            self.part = ""

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.cell is not None:
            self.cell[-1] += data
        elif self.part == "caption":
            self.tables[-1][0][1] += data
        elif self.part in ("h1", "h2", "h3"):
            self.heading += data

    def under(self, title: str) -> list[list[str]]:
        """The first table with this caption or below this heading."""
        return next((rows for titles, rows in self.tables if title in map(str.strip, titles)), [])


def of_tables(jobs: list[list[str]], times: list[list[str]], columns: list[str]) -> dict:
    """Two tables, a row a set and the last one for all. `columns`: the figures of the second one."""
    found: dict = {}
    header = [name.strip().lower().replace(" ", "_") for name in jobs[0]]
    for row in jobs[1:]:
        scope = None if row is jobs[-1] else row[0]
        cells = dict(zip(header[1:], row[1:]))
        found[scope] = {name: number(cells.get(name, "0")) for name in COUNTS}
        if "success" in cells:
            found[scope]["rate"] = number(cells["success"])
    for row in times:
        scope = None if row is times[-1] else row[0]
        found[scope] |= dict(zip(columns, map(number, row[1:])))
    return found


def of_markdown(path: pathlib.Path, _: str) -> dict:
    page = Tables()
    command = ["cmark-gfm", "--unsafe", "-e", "table", "-e", "autolink", "-e", "strikethrough", str(path)]
    page.feed(subprocess.run(command, check=True, capture_output=True).stdout.decode("utf-8"))
    found = of_tables(page.under("Jobs"), page.under("Attempts and latency")[1:], [*EFFORT, *LATENCY])
    # A bar behind a backslash is set apart from it: no two readers agree on what the pair means.
    return {name and name.replace("\\ |", "\\|"): figures for name, figures in found.items()}


def of_html(path: pathlib.Path, _: str) -> dict:
    page = Tables()
    page.feed(path.read_text(encoding="utf-8"))
    jobs = page.under("Balance sheet")
    times = page.under("Service and queue times by set")[2:]
    found = of_tables(jobs, times, LATENCY)
    if not times:
        # It says in words that nothing was answered.
        assert "No attempt was answered, so there is nothing to measure." in page.words
        for figures in found.values():
            figures |= dict.fromkeys(TIMES) | {"answers": 0}
    words = " ".join(page.words)
    whole = found[None]
    attempts, retries = re.search(r"([\d,]+) attempts, ([\d,]+) retries", words).groups()
    times_throttled = re.search(r"throttled (never|once|[\d,]+ times)", words).group(1)
    throttled = {"never": "0", "once": "1"}.get(times_throttled, times_throttled.removesuffix(" times"))
    rate = re.search(r"Success rate\s+([\d.]+%|no data)", words).group(1)
    whole |= {"attempts": number(attempts), "retries": number(retries), "throttled": number(throttled), "rate": number(rate)}
    return found


SAMPLE = re.compile(r'^(\w+)\{(.*)\} (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)')


def of_prometheus(path: pathlib.Path, _: str) -> dict:
    found: dict = {}
    unescape = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
    quantiles = {"0": "min", "0.5": "p50", "0.9": "p90", "0.95": "p95", "0.99": "p99", "1": "max"}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.match(line).groups()
        labels = {key: re.sub(r"\\.", lambda match: unescape[match.group()], text) for key, text in LABEL.findall(labels)}
        figures = found.setdefault(labels.get("set"), {})
        name = name.removeprefix("bridgebook_run_").removeprefix("set_")
        match name:
            case "jobs":
                figures[labels["state"]] = float(value)
            case "latency_seconds":
                figures[quantiles[labels["quantile"]]] = float(value) * 1000.0
            case "latency_seconds_sum":
                figures["sum"] = float(value) * 1000.0
            case "latency_seconds_count":
                figures["answers"] = float(value)
            case "success_ratio":
                figures["rate"] = float(value) * 100.0
            case "throttled_answers":
                figures["throttled"] = float(value)
            case "duration_seconds":
                figures["duration"] = float(value) * 1000.0
            case _:
                figures[name] = float(value)
    for figures in found.values():
        figures["jobs"] = sum(figures[state] for state in [*STATES, "open"])
        figures["mean"] = figures["sum"] / figures["answers"] if figures["answers"] else None
    return found


def of_terminal(_: pathlib.Path, printed: str) -> dict:
    def line(label: str) -> str:
        return next(line[12:] for line in printed.splitlines() if line.startswith(f"{label:<12}"))

    def success(text: str) -> dict:
        rate, succeeded, attempted = re.search(r"(\S+%|no data)  (\d+) of (\d+) attempted", text).groups()
        return {"rate": number(rate), "success_count": int(succeeded), "total_operations": int(attempted)}

    jobs, _, terms = line("jobs").partition(" = ")
    whole = dict.fromkeys(STATES, 0) | {"jobs": int(jobs)}
    whole |= {state: int(count) for count, state in re.findall(r"(\d+) (\w+)", terms)}
    whole |= success(line("success"))
    pairs = dict(re.findall(r"(\w+) ([\d.]+) ms", line("latency")))
    whole |= {name: number(pairs.get(name, "")) for name in TIMES}
    effort = re.match(r"(\d+)  retries (\d+)  throttled (\d+)", line("attempts")).groups()
    whole |= dict(zip(EFFORT, map(int, effort)))
    whole["throughput"] = number(re.match(r"(no data|[\d.]+)", line("pace")).group(1))
    found = {None: whole}
    for row in (row[12:] for row in printed.splitlines() if row.startswith(f"{'set':<12}")):
        name, jobs, unknown, p95 = re.match(r"(.*?) +jobs (\d+)  success .*  unknown (\d+)  p95 (no data|[\d.]+)", row).groups()
        found[name] = {"jobs": int(jobs), "unknown": int(unknown), "p95": number(p95)} | success(row)
    return found


READERS = {
    "summary.json": of_json,
    "summary.csv": of_summary_csv,
    "results.csv": of_results_csv,
    "junit.xml": of_junit,
    "summary.md": of_markdown,
    "metrics.prom": of_prometheus,
    "report.html": of_html,
    "terminal": of_terminal,
}


def differences(name: str, expected: dict, found: dict) -> list[str]:
    """Every promised figure that is not what was counted."""
    of_set, of_run = PROMISED[name]
    wrong = []
    for scope, figures in expected.items():
        if scope not in found:
            listed = name != "terminal" or 1 < len(expected) - 1 and list(expected).index(scope) < SETS_ON_TERMINAL
            # A table of jobs says nothing of a set without any.
            if listed and not (name == "results.csv" and figures["jobs"] == 0):
                wrong.append(f"{name}: nothing of {scope!r}")
            continue
        for figure in of_set + (of_run if scope is None else []):
            want, have = figures[figure], found[scope].get(figure, "missing")
            # Where there are no data there is no series.
            if name == "metrics.prom" and have == "missing" and want is None:
                continue
            if want is None or have is None or isinstance(have, (str, dict)):
                same = want == have
            else:
                # A time in seconds is not the same double as in milliseconds.
                same = abs(want - have) <= ROUNDED.get(figure, 1e-9 * max(1.0, abs(want)))
            if not same:
                wrong.append(f"{name}: {figure} of {scope!r} is {have}, counted {want}")
    wrong += [f"{name}: there is no set {scope!r}" for scope in found if scope not in expected]
    return wrong


def check(binary: str, run: pathlib.Path, expected: dict) -> list[str]:
    """Makes the reports of a run and holds each against what was counted."""
    made = subprocess.run([binary, "report", str(run)], capture_output=True, check=False, encoding="utf-8")
    complete = expected[None]["complete"]
    wrong = [] if made.returncode == (0 if complete else 65) else [f"exit code {made.returncode}: {made.stderr}"]
    for name, read in READERS.items():
        path = run / name
        try:
            wrong += differences(name, expected, read(path, made.stdout))
        except (AssertionError, AttributeError, IndexError, KeyError, StopIteration, ValueError) as error:
            wrong.append(f"{name}: cannot be read: {error!r}")
        text = made.stdout if name == "terminal" else path.read_text(encoding="utf-8")
        said = {"summary.json": '"complete": false', "metrics.prom": "bridgebook_run_complete{runbook=\"after-hours | \\\"transfer\\\"\"} 0"}
        if name != "results.csv" and (said.get(name, "INCOMPLETE") in text) == complete:
            wrong.append(f"{name}: complete is {complete}, and it says something else")
    return [f"{run.name}: {one}" for one in wrong]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, help="bridgebook")
    parser.add_argument("--runs", required=True, type=pathlib.Path, help="a folder with a folder a run")
    arguments = parser.parse_args()
    expected = recount(arguments.runs)
    runs = sorted(path for path in arguments.runs.iterdir() if path.is_dir())
    assert len(runs) == len(expected) > 0, f"{len(runs)} runs, {len(expected)} counted"
    with ThreadPoolExecutor(2) as pool:
        wrong = sum(pool.map(lambda run: check(arguments.binary, run, expected[run.name]), runs), [])
    for one in wrong[:40]:
        print(one, file=sys.stderr)
    figures = sum(len(PROMISED[name][0]) * len(scopes) + len(PROMISED[name][1]) for name in READERS for scopes in expected.values())
    jobs = int(sum(scopes[None]["jobs"] for scopes in expected.values()))
    cut = sum(not scopes[None]["complete"] for scopes in expected.values())
    print(f"{len(runs)} runs ({cut} of them cut off) of {jobs} jobs, {figures} figures in {len(READERS)} formats: {len(wrong)} are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
