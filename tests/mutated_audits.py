#!/usr/bin/env python3
"""Does to a finished audit file whatever somebody may do to it, and asks examples/verify_audit.py about each, in one process.

    mutated_audits.py SCRIPT RUN_DIR OTHER_RUN_DIR

Prints the number of mutations; exit code 1 when one of them is not found.
"""
import importlib.util, pathlib, sys

spec = importlib.util.spec_from_file_location("verify_audit", sys.argv[1])
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
folder, other = map(pathlib.Path, sys.argv[2:4])
data, foreign = ((path / "audit.jsonl").read_bytes() for path in (folder, other))
lines, strangers = data.splitlines(True), foreign.splitlines(True)


def mutations():
    for place in range(len(data)):
        for flip in (1, 2, 4, 8, 16, 32, 64, 128) if place % 16 == 0 else (1,):
            yield f"byte {place} ^ {flip}", data[:place] + bytes([data[place] ^ flip]) + data[place + 1:]
        yield f"cut at byte {place}", data[:place]
    for at in range(min(len(lines), len(strangers))):
        yield f"line {at + 1} deleted", b"".join(lines[:at] + lines[at + 1:])
        yield f"line {at + 1} twice", b"".join(lines[:at + 1] + lines[at:])
        yield f"a line of another run in front of line {at + 1}", b"".join(lines[:at] + [strangers[at]] + lines[at:])
        yield f"line {at + 1} is that of another run", b"".join(lines[:at] + [strangers[at]] + lines[at + 1:])
        if at + 1 < len(lines):
            yield f"line {at + 1} swapped", b"".join(lines[:at] + [lines[at + 1], lines[at]] + lines[at + 2:])
    yield "another run's file", foreign


def split(text):
    # By newline alone, as a file that is open in binary mode is read.
    parts = text.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


assert script.check(split(data), folder=folder) is None, script.check(split(data), folder=folder)
missed, count = [], 0
for what, text in mutations():
    count += 1
    if script.check(split(text), folder=folder) is None:
        missed.append(what)
print(count, "mutations,", len(missed), "not found:", missed[:10])
sys.exit(1 if missed else 0)
