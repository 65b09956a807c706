#!/usr/bin/env python3
"""Checks audit files of bridgebook by their documentation alone (docs/audit.md): Python's standard library, nothing of ours.

    verify_audit.py [--head HEX] [--public-key KEY.pem] RUN_DIR_OR_FILE...

Says what is wrong with the first bad line of each file; exit code 0: nothing, 1: something. Of a run directory its name and the
copies in it are checked, too. --head: the hash of the last line, kept elsewhere. --public-key: the last line must be a signature
by this key; `openssl` checks it, since Python's standard library has no Ed25519.
"""
import argparse, base64, hashlib, json, pathlib, shutil, subprocess, sys, tempfile

OUTCOMES = ["succeeded", "accepted", "rejected", "not_sent", "unknown", "skipped", "not_attempted", "not_bridged"]
NO_EFFECT, DOUBT = ("rejected", "not_sent"), ("rejected", "not_sent", "unknown")

def after(state, line):
    """The state of a job after an event; None: the event is not allowed there."""
    kind, outcome = line["event_type"], line.get("outcome")
    if kind == "bridge_intent":
        return {"pending": "in_flight", "doubtful": "in_flight_doubtful"}.get(state)
    if kind == "bridge_attempt" and state == "in_flight":
        if line["final"]:
            return outcome if outcome in OUTCOMES[:5] else None
        return "pending" if outcome in NO_EFFECT else "doubtful" if outcome == "unknown" else None
    if kind == "bridge_attempt" and state == "in_flight_doubtful":  # only a success ends a doubt
        if line["final"] and outcome in ("succeeded", "accepted"):
            return outcome
        return None if outcome not in DOUBT else "unknown" if line["final"] else "doubtful"
    if kind == "job_expired":
        return outcome if (state, outcome) in [("pending", o) for o in NO_EFFECT] + [("doubtful", "unknown")] else None
    if kind == "reconciled":
        return outcome if state == "unknown" and outcome in ("succeeded", "not_bridged") else None
    return {("job_skipped", "pending"): "skipped", ("job_not_attempted", "pending"): "not_attempted",
            ("job_not_attempted", "doubtful"): "unknown", ("job_reopened", "unknown"): "doubtful"}.get((kind, state))

class Run:
    def __init__(self):
        self.head, self.seq, self.run_id, self.files = "0" * 64, 0, None, []
        self.jobs, self.sets, self.intents, self.closed, self.signed = [], {}, 0, False, None

    def take(self, raw):
        """Takes the next line; raises ValueError with what is wrong with it."""
        if not raw.endswith(b"\n"):
            raise ValueError("the line is torn")
        body, seal = raw[:-76], raw[-76:-1]
        digest = hashlib.sha256(self.head.encode() + body).hexdigest()
        if seal != b',"hash":"%s"}' % digest.encode():
            raise ValueError("its hash does not fit its text and the line before it")
        line = json.loads(raw)
        self.seq += 1
        if line["seq"] != self.seq or line["v"] != 1 or line["run_id"] != (self.run_id or line["run_id"]):
            raise ValueError("its seq, version or run id is not the next one")
        before, self.head, self.run_id, kind = self.head, digest, line["run_id"], line["event_type"]
        if (kind == "run_started") != (self.seq == 1):
            raise ValueError("run_started is the first line and no other")
        if kind in ("seal", "reconciliation_finished", "signed") and line["head"] != before:
            raise ValueError("the head in it is not that of the line before")
        if self.closed and kind not in ("reconciled", "reconciliation_finished", "run_resumed", "signed"):
            raise ValueError("the run was over")
        signed, self.signed = self.signed, None
        if kind == "run_started":
            self.files = [(f["snapshot"], f["sha256"]) for f in line["inputs"]]
            self.files.append(("inputs/profile.yaml", line["profile_sha256"]))
            for name, count in ((s["name"], s["jobs"]) for s in line["sets"]):
                self.sets[name] = range(len(self.jobs), len(self.jobs) + count)
                self.jobs += ["pending"] * count
        elif kind == "run_resumed":
            self.closed, self.jobs = False, ["pending" if s == "not_attempted" else s for s in self.jobs]
        elif kind in ("run_finished", "reconciliation_finished"):
            self.balance(line, kind)
        elif kind == "signed":
            if self.closed != "closed" or signed:
                raise ValueError("a signature stands directly behind a closing record")
            self.signed = (line["public_key"], line["signature"], before)
        elif kind in ("bridge_intent", "bridge_attempt", "job_skipped", "job_expired", "job_not_attempted", "job_reopened", "reconciled"):
            job = line["job"] - 1
            if job not in self.sets.get(line["set"], ()):
                raise ValueError(f"there is no job {line['job']} in its set")
            state = after(self.jobs[job], line)
            if state is None:
                raise ValueError(f"job {line['job']} is {self.jobs[job]}: {kind} cannot follow")
            self.jobs[job], self.intents = state, self.intents + (kind == "bridge_intent")
            if kind == "reconciled" and self.closed:
                self.closed = "reconciling"

    def balance(self, line, kind):
        """A closing record says what the events add up to, in total and by set."""
        if kind == "reconciliation_finished" and not self.closed:
            raise ValueError("reconciliation_finished stands in front of run_finished")
        if kind == "run_finished" and line["attempts"] != self.intents:
            raise ValueError(f"it says {line['attempts']} attempts, there are {self.intents}")
        parts = [(line["totals"], range(len(self.jobs)))] + [(s, self.sets[s["set"]]) for s in line["sets"]]
        if [s["set"] for s in line["sets"]] != list(self.sets):
            raise ValueError("its sets are not those of run_started")
        for said, jobs in parts:
            states = [self.jobs[job] for job in jobs]
            counted = {name: states.count(name) for name in OUTCOMES}
            if sum(counted.values()) != len(jobs) or {**counted, "jobs": len(jobs)} != {k: said[k] for k in (*OUTCOMES, "jobs")}:
                raise ValueError(f"it does not balance: it says {said}, the events say {counted}")
        self.closed, self.files = "closed", self.files + [(f["snapshot"], f["sha256"]) for f in [line.get("records")] if f]

def openssl(signed, pem):
    """Whether the signature is good by the key in this PEM text; None: there is no openssl."""
    if not shutil.which("openssl"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        parts = {"key": pem.encode(), "sig": base64.b64decode(signed[1]), "head": f"bridgebook audit head v1\n{signed[2]}".encode()}
        for name, content in parts.items():
            pathlib.Path(folder, name).write_bytes(content)
        command = "openssl pkeyutl -verify -pubin -inkey key -rawin -in head -sigfile sig"
        return subprocess.run(command.split(), cwd=folder, capture_output=True).returncode == 0

def check(lines, head=None, key=None, folder=None):
    """What is wrong with a file (an iterable of its lines as bytes), or None."""
    run = Run()
    for number, raw in enumerate(lines, 1):
        try:
            run.take(raw)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, MemoryError) as error:
            return f"line {number}: {error if isinstance(error, ValueError) else 'not an audit record'}"
    if run.closed != "closed":
        return "INCOMPLETE: it does not end with a closing record"
    if head and run.head != head:
        return f"its head is {run.head}"
    if key and not (run.signed and openssl(run.signed, key)):
        return "its last line is no good signature by this key" if shutil.which("openssl") else "there is no openssl to check the signature"
    if folder and folder.name != run.run_id:
        return f"it is the file of run {run.run_id}"
    for name, sha256 in run.files if folder else ():
        path = folder / name
        if ".." in path.parts or not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            return f"{name} is not the copy that the run has made"
    if run.signed and not key:
        print(f"signed by {run.signed[0]}; to check it give --public-key (it is asked of: openssl pkeyutl -verify -rawin)")
    return None

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=pathlib.Path)
    parser.add_argument("--head")
    parser.add_argument("--public-key", type=pathlib.Path)
    args, bad = parser.parse_args(), False
    key = args.public_key and args.public_key.read_text()
    for path in args.paths:
        folder = path.resolve() if path.is_dir() else None
        with open(path / "audit.jsonl" if folder else path, "rb") as lines:
            wrong = check(lines, args.head, key, folder)
        print(f"{path}: {wrong or 'ok'}")
        bad = bad or wrong is not None
    return 1 if bad else 0

if __name__ == "__main__":
    sys.exit(main())
