"""Breaks the shipped runbooks at random and compares what `validate` says with a validator that is not the product's own.

Each round changes a runbook as a tree (a value, a key, a type) or as a text (a character, a line, a piece of YAML) and asks
`validate` about it. Whatever Python's jsonschema refuses by the shipped schema must be refused with exit code 65, and what
`validate` says about unknown keys and wrong types jsonschema must say too. There is never a panic, a second of work, or a diagnostic
without a place. Exits 1 when one of these does not hold, or when the rounds showed nothing.
"""

import argparse
import collections
import concurrent.futures
import copy
import json
import os
import pathlib
import random
import re
import shutil
import sys
import tempfile

import jsonschema
import yaml
from asking import MOST_WORK, Said, misplaced, validate
from yaml_core import Core

# Guards, runbook or data, missing input, a secret that is not there.
EXITS = {0, 13, 65, 66, 78}
# A key that is not known, a value of another type. (A key may be missing although the schema does not ask for it: an included
# file may have had it.)
SHAPE = {"BB0101", "BB0103"}

VALUES = [
    None, True, False, 0, 1, -1, 7, 1.5, 10**15, 2**64, 1e300, "", " ", "x", "0", "+12025550104", 12025550104, "2s", "25/s", "98%",
    "success_rate >= 98%", "unknown == 0 in nowhere", "{{", "}}", "{{row.call_id}}", "{{row.nowhere}}", "{{#each row}}{{this}}{{/each}}",
    "{{nope row.call_id}}", "é\u202e\u0000\u001b[2J", "a" * 5000, "../../etc/passwd", "https://user:pw@example.com", [], {}, [[]], [None],
    {"": ""}, {"env": "HOME"}, {"file": "nowhere"}, {"type": "phone", "value": "+12025550104"}, list(range(100)), "phone", "refuse", "-",
]  # fmt: skip
PIECES = [
    "\t", "  ", "\n", "\r\n", ":", ": ", "- ", "? ", "#", "&a ", "*a", "!tag ", "!!str ", "|\n", ">-\n", "<<: *a\n", "{", "}", "[", "]", ",",
    '"', "'", "%", "@", "`", "---\n", "...\n", "\ufeff", "\u00a0", "\u2028", "é", "0", "~", "null", "yes", "{{", "}}", "x: y\n", "\x07", "\x00",
]  # fmt: skip


def places(node: object, path: tuple = ()) -> list[tuple]:
    """Every path of a document, the root's left out."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [found for key, below in items for found in [(*path, key), *places(below, (*path, key))]]


def misspell(random_: random.Random, text: str) -> str:
    if not text:
        return "x"
    at = random_.randrange(len(text))
    return random_.choice([text[:at] + text[at + 1 :], text[:at] + text[at] + text[at:], text[:at] + "x" + text[at + 1 :], text.upper()])


def change_tree(random_: random.Random, document: object) -> object:
    document = copy.deepcopy(document)
    for _ in range(random_.choice([1, 1, 1, 2, 3])):
        paths = places(document)
        if not paths:
            return document
        *above, key = random_.choice(paths)
        owner = document
        for step in above:
            owner = owner[step]
        kind = random_.randrange(6)
        if kind == 0:
            del owner[key]
        elif kind == 1 and isinstance(owner, dict):
            owner[misspell(random_, key)] = owner.pop(key)
        elif kind == 2 and isinstance(owner[key], str):
            owner[key] = misspell(random_, owner[key])
        elif kind == 3:
            owner[key] = random_.choice([[owner[key]], {"value": owner[key]}, [owner[key], owner[key]]])
        elif kind == 4 and isinstance(owner, dict):
            owner[random_.choice(["extra", "name", "rows", "value", "x" * 300, "é"])] = random_.choice(VALUES)
        else:
            owner[key] = random_.choice(VALUES)
    return document


def change_text(random_: random.Random, text: str) -> str:
    for _ in range(random_.choice([1, 1, 2])):
        at = random_.randrange(len(text) + 1)
        lines = text.splitlines(keepends=True)
        line = random_.randrange(max(len(lines), 1))
        kind = random_.randrange(7)
        if kind == 0:
            text = text[:at] + text[at + 1 :]
        elif kind == 1 and lines:
            text = "".join(lines[:line] + lines[line + 1 :])
        elif kind == 2 and lines:
            text = "".join(lines[:line] + [lines[line]] + lines[line:])
        elif kind == 3 and lines:
            lines[line] = random_.choice(["", " ", "    ", "\t"]) + lines[line].lstrip()
            text = "".join(lines)
        elif kind == 4:
            text = text[: max(at, 1)]
        else:
            text = text[:at] + random_.choice(PIECES) + text[at:]
    return text


def read(text: str) -> tuple[bool, object]:
    """Whether it is YAML with keys that JSON has, and its value."""
    try:
        document = yaml.load(text, Core)  # noqa: S506: a SafeLoader
        json.dumps(document, allow_nan=False)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return False, None
    return True, document


def misfits(said: Said, lines: int, name: str, refused: bool | None, most_work: float) -> list[str]:
    """What is wrong with the answer to one mutation. `refused`: what jsonschema says, if the text is YAML."""
    wrong = misplaced(said, EXITS)
    if said.work > most_work:
        wrong.append(f"{said.work:.2f} s of work")
    if refused and said.code != 65:
        wrong.append(f"jsonschema refuses it, exit code {said.code}")
    for found in said.diagnostics:
        if found["file"] == name and found["line"] > lines:
            wrong.append(f"a place behind the end: {found}")
        # A job's fields are the profile's business, which the runbook's schema leaves open.
        elif refused is False and found["code"] in SHAPE and found["file"] == name and "/job" not in found["path"]:
            wrong.append(f"jsonschema accepts it: {found['code']} {found['path']} {found['message']}")
    return wrong


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--binary", type=pathlib.Path, required=True)
    arguments.add_argument("--root", type=pathlib.Path, required=True)
    arguments.add_argument("--count", type=int, default=1500)
    arguments.add_argument("--seed", type=int, default=20261122)
    arguments.add_argument("--keep", type=pathlib.Path, help="copies every mutation that shows something wrong there")
    arguments.add_argument("--most-work", type=float, default=MOST_WORK, help="CPU seconds for one file")
    options = arguments.parse_args()
    binary = options.binary.resolve()
    schema = json.loads((options.root / "schemas/runbook.schema.json").read_text(encoding="utf-8"))
    schema = jsonschema.Draft202012Validator(schema)
    random_ = random.Random(options.seed)
    counts: collections.Counter[str] = collections.Counter()
    failures: list[str] = []
    most_work = 0.0

    with tempfile.TemporaryDirectory() as scratch:
        runbooks = []
        for folder in ("runbooks", "examples/form-api"):
            copied = pathlib.Path(scratch, folder)
            shutil.copytree(options.root / folder, copied)
            runbooks += [path for path in sorted(copied.glob("*.yaml")) if "sets:" in path.read_text(encoding="utf-8")]
        rounds = []
        for number in range(options.count):
            original = random_.choice(runbooks)
            text = original.read_text(encoding="utf-8")
            if random_.random() < 0.6:
                document = change_tree(random_, yaml.load(text, Core))  # noqa: S506
                dump = random_.choice([lambda it: json.dumps(it, indent=1), lambda it: yaml.safe_dump(it, sort_keys=False, allow_unicode=True)])
                mutated = dump(document)
            else:
                mutated = change_text(random_, text)
            path = original.with_name(f"mutation-{number}.yaml")
            path.write_bytes(mutated.encode("utf-8"))
            readable, document = read(mutated)
            refused = not schema.is_valid(document) if readable else None
            rounds.append((path, len(re.split(r"\r\n|\r|\n", mutated)), refused))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            answers = pool.map(lambda round_: validate(binary, round_[0]), rounds)
            for (path, lines, refused), said in zip(rounds, answers, strict=True):
                counts[{None: "no YAML for PyYAML", True: "refused by jsonschema", False: "accepted by jsonschema"}[refused]] += 1
                counts[f"exit code {said.code}"] += 1
                most_work = max(most_work, said.work)
                wrong = misfits(said, lines, path.name, refused, options.most_work)
                failures += [f"{path.name}: {what}" for what in wrong]
                if wrong and options.keep:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, options.keep)
    for what, count in sorted(counts.items()):
        print(f"{count:>8} {what}")
    print(f"{most_work:>8.2f} s of work at most")
    if counts["refused by jsonschema"] < options.count / 4 or counts["accepted by jsonschema"] < options.count / 20:
        failures.append("too few mutations of a kind to show anything")
    for failure in failures[:30]:
        print(failure, file=sys.stderr)
    print(f"{len(failures)} of {options.count} mutations show something wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
