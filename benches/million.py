#!/usr/bin/env python3
"""What a report of a million jobs costs: time, peak memory and the size of the page, beside DuckDB over the same file.

    benches/million.py [--jobs 1000000] [--binary target/release/bridgebook] [--json FILE]

Writes an audit file of so many jobs in two sets, one in twenty tried again, one in a hundred failed or unknown, its chain and
totals as they must be; then runs `verify`, `report`, `report --from -` and `runs` on it, each as a process of its own, and DuckDB
in a process of its own for the same counts and percentiles, with as many threads as the machine has, and with one. Every
figure that both give must be equal.

Needs about 1.3 GB below target/ for a million jobs, which is given back at the end; cargo (unless --binary is there), Python 3.9, and
PyPI for DuckDB, which goes into target/bench-venv.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "million"
VENV = ROOT / "target" / "bench-venv"
DUCKDB = "duckdb==1.4.1"
RUN_ID = "20261122T080102Z-4f2a9c"
SETS = ("billing", "support")
# Of the page, by its promise.
MOST_PAGE = 2_000_000

QUERY = """
SET threads = {threads};
CREATE TEMP TABLE attempts AS
SELECT job, "set", outcome, "final", status_code, latency_ms, queue_ms, attempt
FROM read_json(?, format = 'newline_delimited', columns = {{
    event_type: 'VARCHAR', job: 'UBIGINT', "set": 'VARCHAR', outcome: 'VARCHAR', "final": 'BOOLEAN', status_code: 'USMALLINT',
    latency_ms: 'DOUBLE', queue_ms: 'DOUBLE', attempt: 'UINTEGER'}})
WHERE event_type = 'bridge_attempt';
"""


class Audit:
    """An audit file in the making."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb", buffering=1 << 20)
        self.head = b"0" * 64
        self.seq = 0
        self.micros = 0

    def line(self, event: str, fields: str) -> None:
        """One line; `fields` is JSON text in front of the hash."""
        self.seq += 1
        self.micros += 23
        seconds, micros = divmod(self.micros, 1_000_000)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        moment = f"2026-11-22T{8 + hours:02}:{minutes:02}:{seconds:02}.{micros:06}Z"
        body = (
            f'{{"v":1,"seq":{self.seq},"timestamp":"{moment}","run_id":"{RUN_ID}","event_type":"{event}",{fields}'
        ).encode()
        self.head = hashlib.sha256(self.head + body).hexdigest().encode()
        self.file.write(body + b',"hash":"' + self.head + b'"}\n')
        # A seal after each thousand lines, as the writer does.
        if self.seq % 1000 == 0 and event != "seal":
            self.line("seal", f'"lines":{self.seq},"head":"{self.head.decode()}"')


def rounded(micros: int) -> float:
    """Eleven significant bits, as the audit file has them, in milliseconds."""
    shift = max(micros.bit_length() - 11, 0)
    return ((micros + (1 << shift >> 1)) >> shift << shift) / 1000


def write_audit(path: Path, jobs: int) -> None:
    """A run of so many jobs, the same each time."""
    rng = random.Random(7)
    audit = Audit(path)
    plan = [{"name": SETS[0], "jobs": jobs - jobs // 4}, {"name": SETS[1], "jobs": jobs // 4}]
    states = ("succeeded", "accepted", "rejected", "not_sent", "unknown", "skipped", "not_attempted", "not_bridged")
    counts = {one["name"]: dict.fromkeys(("jobs", *states), 0) | {"jobs": one["jobs"]} for one in plan}
    start = {
        "runbook": "million", "description": None, "owner": "telephony-ops", "labels": {}, "inputs": [],
        "profile": "cxone", "profile_sha256": "0" * 64, "tool": "bridgebook 0.1.0",
        "operator": {"user": "ops", "host": "batch-01.example.com", "pid": 4711}, "sandbox": False,
        "base_url": "https://api.example.com", "token_url": "https://api.example.com/oauth/token", "settings": [],
        "jobs": jobs, "sets": plan, "criteria": ["unknown <= 1%"], "numbers": "masked",
    }  # fmt: skip
    audit.line("run_started", json.dumps(start, separators=(",", ":"))[1:-1])
    attempts = 0

    def attempt(job: int, name: str, number: int, outcome: str, status: "int | None", is_final: bool) -> None:
        nonlocal attempts
        attempts += 1
        call = f"call-{job:07}"
        who = f'"job":{job},"set":"{name}","key":"{call}","call_id":"{call}","attempt":{number},"request_id":"bridge-{call}-{RUN_ID}-{job}"'
        audit.line("bridge_intent", f'{who},"targets":["phone:+1202*****{job % 90 + 10}","phone:+1202*****04"]')
        success = "true" if outcome == "succeeded" else "false"
        evidence = "answer" if status else "timeout"
        message = "null" if outcome == "succeeded" else f'"{("no such call", "upstream is busy")[job % 2]} {call}"'
        latency = rounded(int(rng.lognormvariate(12, 0.6)))
        audit.line(
            "bridge_attempt",
            f'{who},"outcome":"{outcome}","success":{success},"evidence":"{evidence}","status_code":{status or "null"},'
            f'"latency_ms":{latency},"queue_ms":{rounded(rng.randrange(40_000))},"error_message":{message},'
            f'"final":{"true" if is_final else "false"}',
        )

    for job in range(1, jobs + 1):
        name = SETS[0] if job <= plan[0]["jobs"] else SETS[1]
        draw = rng.random()
        if draw < 0.002:
            counts[name]["skipped"] += 1
            audit.line("job_skipped", f'"job":{job},"set":"{name}","call_id":"call-{job:07}","reason":"when"')
            continue
        again = draw < 0.052
        if again:
            attempt(job, name, 1, "rejected", 429, False)
        outcome, status = ("succeeded", 200)
        if draw > 0.998:
            outcome, status = ("unknown", None)
        elif draw > 0.99:
            outcome, status = ("rejected", 404)
        counts[name][outcome] += 1
        attempt(job, name, 2 if again else 1, outcome, status, True)
    total = {word: sum(of[word] for of in counts.values()) for word in ("jobs", *states)}
    end = {
        "ending": "completed", "verdict": "passed", "exit_code": 0, "totals": total,
        "sets": [{"set": name} | of for name, of in counts.items()], "attempts": attempts,
        "criteria": [{"criterion": "unknown <= 1%", "value": 0.2, "met": True}],
    }  # fmt: skip
    audit.line("run_finished", json.dumps(end, separators=(",", ":"))[1:-1])
    audit.file.close()


def measured(command: "list[str]", stdin: "Path | None" = None) -> "tuple[float, int, str]":
    """Seconds, peak KiB and standard output of a process; it must not fail."""
    began = time.monotonic()
    with open(stdin or os.devnull, "rb") as feed:
        process = subprocess.Popen(command, stdin=feed, stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command} ended with {process.returncode}\n{said}")
    return took, usage.ru_maxrss, said


def duckdb_figures(path: str, threads: int) -> None:
    """In a process of its own: the figures as JSON on standard output."""
    import duckdb  # noqa: PLC0415: only this process has it

    connection = duckdb.connect()
    create = QUERY.format(threads=threads)
    for statement in create.split(";")[:-1]:
        connection.execute(statement, [path] if "?" in statement else [])
    outcomes = connection.execute('SELECT outcome, count(*) FROM attempts WHERE "final" GROUP BY ALL').fetchall()
    places = [0.0, 0.5, 0.9, 0.95, 0.99, 1.0]
    latency = connection.execute(
        f"SELECT quantile_disc(latency_ms, {places}), avg(latency_ms) FROM attempts WHERE status_code IS NOT NULL"
    ).fetchone()
    queue = connection.execute("SELECT quantile_disc(queue_ms, [0.5, 0.95, 1.0]) FROM attempts").fetchone()
    tries = connection.execute("SELECT count(*), count(*) FILTER (attempt > 1) FROM attempts").fetchone()
    print(json.dumps({"outcomes": dict(outcomes), "latency": latency[0], "mean": latency[1], "queue": queue[0], "tries": tries}))


def compare(summary: dict, found: dict) -> None:
    """Every figure that both give."""
    total = summary["total"]
    for outcome in ("succeeded", "rejected", "unknown"):
        assert total[outcome] == found["outcomes"][outcome], outcome
    latency = [total["latency_ms"][name] for name in ("min", "p50", "p90", "p95", "p99", "max")]
    assert latency == found["latency"], (latency, found["latency"])
    assert [total["queue_ms"][name] for name in ("p50", "p95", "max")] == found["queue"], found["queue"]
    assert abs(total["average_latency_ms"] - found["mean"]) < 0.001, found["mean"]
    assert [total["attempts"], total["retries"]] == found["tries"], found["tries"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--jobs", type=int, default=1_000_000)
    arguments.add_argument("--binary", type=Path)
    arguments.add_argument("--json", type=Path, help="write the figures to this file, too")
    arguments.add_argument("--duckdb", nargs=2, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.duckdb:
        duckdb_figures(options.duckdb[0], int(options.duckdb[1]))
        return

    binary = options.binary or ROOT / "target" / "release" / "bridgebook"
    if not options.binary:
        subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    python = VENV / "bin" / "python"
    if subprocess.run([python, "-c", "import duckdb"], check=False, capture_output=True).returncode if python.exists() else True:
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", DUCKDB], check=True)

    run_dir = WORK / "runs" / "million" / RUN_ID
    shutil.rmtree(WORK, ignore_errors=True)
    run_dir.mkdir(parents=True)
    try:
        audit = run_dir / "audit.jsonl"
        began = time.monotonic()
        write_audit(audit, options.jobs)
        size = audit.stat().st_size
        print(f"{options.jobs} jobs, {size / 1e6:.0f} MB, written in {time.monotonic() - began:.0f} s", flush=True)
        # Into the page cache, for all alike; in pieces, since a child's peak counts from what its parent holds.
        with audit.open("rb") as file:
            while file.read(1 << 20):
                pass

        rows: list[tuple[str, float, int, str]] = []

        def row(name: str, took: float, peak: int, note: str = "") -> None:
            rows.append((name, took, peak, note))
            print(f"{name:<28} {took:7.2f} s  {peak / 1024:8.1f} MiB  {note}", flush=True)

        took, peak, _ = measured([str(binary), "verify", str(audit)])
        row("verify", took, peak, f"{size / took / 1e6:.0f} MB/s")
        took, peak, said = measured([str(binary), "report", str(run_dir), "--format", "json"])
        summary = json.loads(said)
        assert summary["complete"], summary["problems"]
        page = (run_dir / "report.html").stat().st_size
        row("report", took, peak, f"{size / took / 1e6:.0f} MB/s, page {page} bytes")
        took, peak, said = measured([str(binary), "report", "--from", "-", "--format", "json"], audit)
        assert json.loads(said) == summary
        row("report --from -", took, peak, "no files")
        took, peak, _ = measured([str(binary), "runs", str(WORK / "runs")])
        row("runs", took, peak)
        for threads in (os.cpu_count() or 1, 1):
            took, peak, said = measured([str(python), __file__, "--duckdb", str(audit), str(threads)])
            compare(summary, json.loads(said))
            row(f"DuckDB, {threads} threads", took, peak, "counts and percentiles, all equal")
        assert page < MOST_PAGE, f"the page has {page} bytes"
        if options.json:
            figures = [{"what": name, "seconds": took, "peak_kib": peak, "note": note} for name, took, peak, note in rows]
            options.json.write_text(json.dumps({"jobs": options.jobs, "bytes": size, "page": page, "figures": figures}, indent=2) + "\n")
    finally:
        shutil.rmtree(WORK, ignore_errors=True)


if __name__ == "__main__":
    main()
