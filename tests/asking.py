"""Asks `bridgebook validate` about a file, and looks at the answer as any program would: exit code, JSON, work and memory."""

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading

# CPU seconds for one file, however hostile, of a release build.
MOST_WORK = 1.0
# Nothing takes that long in seconds, whatever else the machine does: a hang.
GUARD = 60


@dataclasses.dataclass
class Said:
    """What a command has answered."""

    code: int
    out: str
    err: str
    # CPU seconds.
    work: float
    # Peak of resident memory in MiB.
    memory: float
    diagnostics: list[dict] = dataclasses.field(default_factory=list)


def validate(binary: pathlib.Path, path: pathlib.Path, *arguments: str) -> Said:
    """Runs `validate` in the file's directory."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [binary, "validate", path.name, "--format", "json", *arguments],
            cwd=path.parent,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={"PATH": os.environ["PATH"]},
        )
        watchdog = threading.Timer(GUARD, process.kill)
        watchdog.start()
        _, status, used = os.wait4(process.pid, 0)
        watchdog.cancel()
        # It has been waited for.
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said = Said(
            process.returncode,
            out.read().decode("utf-8"),
            err.read().decode("utf-8", "replace"),
            used.ru_utime + used.ru_stime,
            used.ru_maxrss / 1024,
        )
    try:
        said.diagnostics = json.loads(said.out)["diagnostics"]
    except (ValueError, KeyError, TypeError):
        pass
    return said


def misplaced(said: Said, exits: set[int]) -> list[str]:
    """What no answer may be: another exit code, no JSON, an error without a place, words, and the right code."""
    if said.code not in exits:
        return [f"exit code {said.code}: {said.err[-300:]}"]
    if not said.out.startswith("{"):
        return [f"no JSON on stdout: {said.out[:300]!r}"]
    wrong = [f"words on stderr: {said.err[-300:]}"] if said.err else []
    errors = [found for found in said.diagnostics if found["severity"] == "error"]
    if bool(errors) != (said.code != 0):
        wrong.append(f"exit code {said.code} with {len(errors)} errors")
    for found in said.diagnostics:
        placed = found["file"] and found["line"] >= 1 and 1 <= found["column"] < found["end_column"]
        if not placed or not re.fullmatch(r"BB\d{4}", found["code"]) or not found["message"]:
            wrong.append(f"without a place or words: {found}")
    return wrong
