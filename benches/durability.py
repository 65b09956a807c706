#!/usr/bin/env python3
"""What a durable record costs: `bridgebook run` against a bare loop of the same HTTP client.

    benches/durability.py [--jobs 200000] [--rounds 5] [--in-flight 64] [--json FILE] [--work DIR]

Builds what it needs, starts an nginx of its own on a free loopback port (one worker, keep-alive) that answers the token
and the bridge request, and runs the clients in turn: bare, disk, process, bare, disk, process, ... Figures are those of
whole processes: for `run` they include the check of every row, the snapshot and all reports. Medians over the rounds;
ratios are medians of the ratios within a round, so that a machine that is busy for a while slows both sides down.

Needs nginx (Debian: apt-get install nginx-light), cargo, Python 3.9. Standard library only. The work directory must be on
the disk that is to be measured: on a RAM disk `fdatasync` is free.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SMALL = 10  # the small run of the memory figure has this fraction of the jobs

NGINX = """
worker_processes 1;
daemon off;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    tcp_nodelay on;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    default_type application/json;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /oauth/token {{
            return 200 '{{"access_token":"0123456789abcdef0123456789abcdef","token_type":"Bearer","expires_in":3600}}';
        }}
        location /api/v2/cti/calls/ {{
            return 200 '{{"status":"bridged","bridgeId":"b2f0c1de-2f0b-4a55-9d3e-0c1b7a4e6f10"}}';
        }}
    }}
}}
"""

RUNBOOK = """
version: 1
name: durability
connection:
  base_url: "http://127.0.0.1:{port}"
  auth: {{client_id: {{env: BENCH_ID}}, client_secret: {{env: BENCH_SECRET}}}}
sets:
  - name: calls
    rows: {{csv: {rows}}}
    job:
      call_id: "{{{{row.call_id}}}}"
      targets: [{{type: phone, value: "{{{{row.number}}}}"}}]
      direction: transfer
      bridge_matrix: [{{source: 0, target: 1}}]
limits: {{concurrency: {in_flight}}}
{audit}
"""


def main():
    options = arguments()
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if not nginx:
        sys.exit("nginx is not installed: apt-get install nginx-light")
    bridgebook, bare = options.bridgebook or build("bin", "bridgebook"), build("bench", "bare_loop")
    options.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.work) as work, server(nginx, Path(work)) as port:
        work = Path(work)
        clients = [Bare(bare, port, options.in_flight)]
        for durability in ("disk", "process"):
            client = Engine(bridgebook, port, options.in_flight, durability, work)
            if client.is_known():
                clients.append(client)
            else:
                print(f"{durability}: not measured, this bridgebook does not know `audit.durability`", file=sys.stderr)
        small = options.jobs // SMALL
        for jobs in (small, options.jobs):
            write_rows(work, jobs)
        rounds = []
        for number in range(options.rounds):
            results = {client.name: measure(client, options.jobs) for client in clients}
            rounds.append(results)
            shown = "  ".join(f"{name} {result['seconds']:.2f} s" for name, result in results.items())
            print(f"round {number + 1}: {shown}  load {os.getloadavg()[0]:.1f}", file=sys.stderr)
        small_runs = {client.name: [measure(client, small) for _ in range(min(3, options.rounds))] for client in clients}
    figures = summarise(clients, rounds, small_runs, options.jobs, small)
    show(figures)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"\nfigures: {options.json}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--bridgebook", type=Path, help="this program, not one that is built from here")
    parser.add_argument("--work", type=Path, default=ROOT / "target/tmp", help="on the disk that is to be measured")
    parser.add_argument("--json", type=Path, default=ROOT / "target/durability.json")
    return parser.parse_args()


def build(kind, name):
    """Builds a program with the release profile, and gives its path."""
    command = ["cargo", "build", "--release", "--quiet", f"--{kind}", name, "--message-format", "json"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    programs = [m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == name]
    return Path(programs[-1])


@contextlib.contextmanager
def server(nginx, work):
    """nginx on a free port, until it is no longer needed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = work / "nginx"
    folder.mkdir()
    (folder / "nginx.conf").write_text(NGINX.format(port=port))
    process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None:
                sys.exit("nginx does not start: " + (folder / "error.log").read_text())
            time.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def write_rows(work, jobs):
    with open(work / f"rows-{jobs}.csv", "w") as rows:
        rows.write("call_id,number\n")
        rows.writelines(f"call-{job:07},+120255501{job % 100:02}\n" for job in range(1, jobs + 1))


class Bare:
    name = "bare"

    def __init__(self, program, port, in_flight):
        self.program, self.base, self.in_flight = program, f"http://127.0.0.1:{port}", in_flight

    def command(self, jobs):
        return [str(self.program), self.base, str(jobs), str(self.in_flight)]

    def check(self, jobs):
        """Its exit code has said that every answer was a success."""


class Engine:
    def __init__(self, program, port, in_flight, durability, work):
        self.name, self.program, self.port, self.in_flight, self.work = durability, program, port, in_flight, work

    def write(self, jobs, audit):
        path = self.work / f"{self.name}-{jobs}.yaml"
        rows = f"rows-{jobs}.csv"
        path.write_text(RUNBOOK.format(port=self.port, rows=rows, in_flight=self.in_flight, audit=audit))
        return path

    def is_known(self):
        """Whether the key is one that this version reads. Without it there is `disk` and nothing else."""
        (self.work / "rows-1.csv").write_text("call_id,number\ncall-1,+12025550101\n")
        self.audit = f"audit: {{durability: {self.name}}}"
        command = [str(self.program), "validate", str(self.write(1, self.audit))]
        if subprocess.run(command, env=environment(), capture_output=True).returncode == 0:
            return True
        self.audit = ""
        return self.name == "disk"

    def command(self, jobs):
        book, out = self.write(jobs, self.audit), self.work / "runs"
        return [str(self.program), "run", str(book), "--out", str(out), "--no-progress", "--quiet", "--format", "json"]

    def check(self, jobs):
        """Every job was bridged; what was written is removed."""
        (summary,) = (self.work / "runs/durability").glob("*/summary.json")
        total = json.loads(summary.read_text())["total"]
        if total["success_count"] != jobs:
            sys.exit(f"{self.name}: {total['success_count']} of {jobs} jobs succeeded")
        shutil.rmtree(self.work / "runs")


def environment():
    return {**os.environ, "BENCH_ID": "bench", "BENCH_SECRET": "bench-secret"}


def measure(client, jobs):
    """Runs a client once: wall time, CPU time and peak memory of the whole process."""
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(client.command(jobs), env=environment(), stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(f"{client.name} exits {process.returncode}: {errors.read().decode(errors='replace')}")
    client.check(jobs)
    return {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024}


def summarise(clients, rounds, small_runs, jobs, small):
    def median(name, key):
        return statistics.median(one[name][key] for one in rounds)

    figures = {"jobs": jobs, "rounds": len(rounds), "load": os.getloadavg()[0], "clients": {}}
    for name in (client.name for client in clients):
        seconds, cpu, peak = (median(name, key) for key in ("seconds", "cpu_seconds", "peak_bytes"))
        small_peak = statistics.median(one["peak_bytes"] for one in small_runs[name])
        figures["clients"][name] = {
            "seconds": round(seconds, 3),
            "jobs_per_second": round(jobs / seconds),
            "cpu_us_per_job": round(cpu / jobs * 1e6, 2),
            "of_bare": round(statistics.median(one["bare"]["seconds"] / one[name]["seconds"] for one in rounds), 3),
            "peak_mib": round(peak / 2**20, 1),
            f"peak_mib_{small}": round(small_peak / 2**20, 1),
            "growth_bytes_per_job": round((peak - small_peak) / (jobs - small), 1),
        }
    figures["each_round"] = rounds
    return figures


def show(figures):
    columns = ("seconds", "jobs_per_second", "cpu_us_per_job", "of_bare", "peak_mib", "growth_bytes_per_job")
    titles = ("client", "wall s", "jobs/s", "CPU us/job", "of bare", "peak MiB", "bytes/job")
    rows = [titles] + [(name, *(str(one[c]) for c in columns)) for name, one in figures["clients"].items()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(titles))]
    print(f"\n{figures['jobs']} jobs, medians of {figures['rounds']} interleaved rounds")
    for row in rows:
        print("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))))


if __name__ == "__main__":
    main()
