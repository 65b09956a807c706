"""Gives `validate` the worst that each kind of file can be, and looks at the end: a clear error, soon, within little memory.

Every file that a runbook consists of (itself, an included one, variables, a profile, rows, a list of numbers) becomes a bomb of
aliases, one line of 100 MB, nested ten thousand deep, a text in no known encoding, NUL bytes, a FIFO and a directory; templates loop over what
they make. Prints the CPU time and the peak of memory of each. Exits 1 when one ends otherwise than in an error with a place,
takes more than a second of work, or more than 200 MB.
"""

import argparse
import os
import pathlib
import sys
import tempfile
from collections.abc import Callable

from asking import MOST_WORK, misplaced, validate

MOST_MEMORY = 200
LINE = 100 * 1024 * 1024
DEPTH = 10_000
# A hundred diagnostics, each with its place.
MOST_WORDS = 128 * 1024

RUNBOOK = """version: 1
name: hostile
include: [part.yaml]
connection: {profile: ./profile.yaml, base_url: "https://api.example.com", auth: {token: {env: MY_TOKEN}}}
vars: {desk: "+12025550104", list: [1, 2, 3]}
sets:
  - name: one
    rows: {ROWS}
    job: {call_id: "{{row.call_id}}", to: "{{vars.desk}}"}
guards: {deny_numbers: deny.csv}
"""
PROFILE = """version: 1
name: my-api
auth: {grant: bearer}
request: {path: "/calls/{{job.call_id}}/bridge", json: {to: "{{job.to}}"}}
answers: {succeeded: [2xx]}
job: {call_id: call_id, numbers: {fields: [/to]}, schema: {type: object, required: [call_id], properties: {call_id: {type: string}, to: {type: string}}}}
"""
ROWS = {
    "csv": "call_id\ncall-1\n",
    "jsonl": '{"call_id": "call-1"}\n',
    "json": '[{"call_id": "call-1"}]\n',
}

Write = Callable[[pathlib.Path], None]


def text(content: str) -> Write:
    return lambda path: path.write_text(content, encoding="utf-8")


def raw(content: bytes) -> Write:
    return lambda path: path.write_bytes(content)


def long_line(before: str, piece: str, after: str) -> Write:
    """A line of `LINE` bytes, written piece by piece."""

    def write(path: pathlib.Path) -> None:
        block = piece * (1024 * 1024 // len(piece))
        with path.open("w", encoding="utf-8") as file:
            file.write(before)
            for _ in range(LINE // len(block)):
                file.write(block)
            file.write(after)

    return write


def bomb(key: str, width: int = 10, depth: int = 12) -> str:
    levels = ["a0: &a0 [x, x]"]
    levels += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]" for level in range(1, depth)]
    return f"{key}:\n" + "".join(f"  {level}\n" for level in levels)


def blocks() -> str:
    """Mappings within mappings, each a blank further in: 1 MiB holds some thirteen hundred."""
    return "".join(" " * level + "a:\n" for level in range(1300))


def runbook(rows: str) -> str:
    """The sound runbook with rows of a format."""
    return RUNBOOK.replace("ROWS", f"{rows}: rows.{rows}")


def start(file: str) -> bytes:
    """How a sound file of the name begins."""
    return {"deny.csv": "number\n", "rows.csv": "call_id\n", "rows.jsonl": '{"call_id": "', "rows.json": '[{"call_id": "'}.get(file, "list: ").encode()


def cases() -> list[tuple[str, str, Write]]:
    """What it is, the file that it is, and how that is written."""
    found: list[tuple[str, str, Write]] = []
    for file in ("runbook.yaml", "part.yaml", "vars.yaml", "profile.yaml"):
        found += [
            ("a bomb of aliases", file, text(bomb("vars" if file != "vars.yaml" else "list"))),
            ("a bomb of merge keys", file, text("a: &a {x: 1}\n" + "".join(f"b{n}: &b{n} {{<<: [*a, *a]}}\n" for n in range(5000)))),
            ("an alias of itself", file, text("vars: &a {list: *a}\n")),
            ("100 MB on one line", file, long_line("vars: {list: \"", "x", "\"}\n")),
            ("lists, 10,000 deep", file, text("list: " + "[" * DEPTH + "]" * DEPTH + "\n")),
            ("lists that are not closed", file, text("list: " + "[" * DEPTH + "\n")),
            ("mappings, 10,000 deep", file, text("list: " + "{a: " * DEPTH + "1" + "}" * DEPTH + "\n")),
            ("mappings by indentation", file, text(blocks())),
            ("list signs on one line", file, text("list:\n  " + "- " * DEPTH + "x\n")),
        ]
    for file in (*(f"runbook.yaml part.yaml vars.yaml profile.yaml deny.csv").split(), *(f"rows.{kind}" for kind in ROWS)):
        found += [
            ("no UTF-8", file, raw(start(file) + b"\xff\xfe\n")),
            ("UTF-16", file, raw(start(file).decode().encode("utf-16"))),
            ("NUL bytes", file, raw(start(file) + b"\0\0\n")),
            ("nothing but NUL bytes", file, raw(bytes(1024 * 1024))),
            ("a FIFO", file, os.mkfifo),
            ("a directory", file, os.mkdir),
        ]
    found += [
        ("100 MB on one line", "rows.csv", long_line("call_id\n", "x", "")),
        ("100 MB in a quote", "rows.csv", long_line('call_id\n"', "x\n", "")),
        ("100 MB of columns", "rows.csv", long_line("", "a,", "")),
        ("100 MB on one line", "rows.jsonl", long_line('{"call_id": "', "x", '"}')),
        ("100 MB on one line", "rows.json", long_line('[{"call_id": "', "x", '"}]')),
        ("100 MB deep", "rows.json", long_line("", "[", "")),
        ("lists, 10,000 deep", "rows.json", text('[{"call_id": ' + "[" * DEPTH + "]" * DEPTH + "}]")),
        ("lists, 10,000 deep", "rows.jsonl", text('{"call_id": ' + "[" * DEPTH + "]" * DEPTH + "}")),
        ("100 MB on one line", "deny.csv", long_line("", "5", "")),
        ("100 MB of columns", "deny.csv", long_line("", "5,", "")),
        ("100 MB in a quote", "deny.csv", long_line('number\n"', "5\n", "")),
    ]
    job = '{call_id: "{{row.call_id}}", to: "{{vars.desk}}"}'
    for what, template in [
        ("loops in loops", "{{#each vars.long}}{{#each ../vars.long}}{{this}}{{/each}}{{/each}}"),
        ("three loops", "{{#each vars.long}}{{#each ../vars.long}}{{#each ../../vars.long}}x{{/each}}{{/each}}{{/each}}"),
        ("loops that give nothing", "{{#each vars.long}}{{#each ../vars.long}}{{/each}}{{/each}}"),
        ("a long text many times", "{{vars.text}}" * 1000),
        ("a template of its own text", "{{> @partial-block}}{{> self}}"),
        ("ten thousand blocks", "{{#if vars.desk}}" * DEPTH + "x" + "{{/if}}" * DEPTH),
        ("a template deep in brackets", "{{eq " + "(eq " * 3000 + "1 1" + " 1)" * 3000 + " 1}}"),
    ]:
        lengthy = f'vars: {{desk: "+12025550104", list: [1], text: "{"y" * 10000}", long: [{", ".join(["1"] * 3000)}]}}'
        book = runbook("csv").replace('vars: {desk: "+12025550104", list: [1, 2, 3]}', lengthy)
        found.append((what, "runbook.yaml", text(book.replace(job, f'{{call_id: "{template}", to: "{{{{vars.desk}}}}"}}'))))
    return found


def write_project(folder: pathlib.Path, rows: str) -> None:
    (folder / "runbook.yaml").write_text(runbook(rows), encoding="utf-8")
    (folder / "part.yaml").write_text("limits: {concurrency: 2}\n", encoding="utf-8")
    (folder / "vars.yaml").write_text("list: [1]\n", encoding="utf-8")
    (folder / "profile.yaml").write_text(PROFILE, encoding="utf-8")
    (folder / "deny.csv").write_text("number\n+12025550199\n", encoding="utf-8")
    (folder / f"rows.{rows}").write_text(ROWS[rows], encoding="utf-8")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--binary", type=pathlib.Path, required=True)
    arguments.add_argument("--most-work", type=float, default=MOST_WORK, help="CPU seconds for one file")
    options = arguments.parse_args()
    binary = options.binary.resolve()
    failures: list[str] = []
    most_work, most_memory = 0.0, 0.0
    with tempfile.TemporaryDirectory() as scratch:
        for rows in ROWS:
            sound = pathlib.Path(scratch, f"sound-{rows}")
            sound.mkdir()
            write_project(sound, rows)
            said = validate(binary, sound / "runbook.yaml", "--vars", "vars.yaml")
            if said.code != 0:
                failures.append(f"the sound {rows} project is refused: {said.out}")
        for number, (what, file, write) in enumerate(cases()):
            folder = pathlib.Path(scratch, str(number))
            folder.mkdir()
            write_project(folder, file.removeprefix("rows.") if file.startswith("rows.") else "csv")
            (folder / file).unlink()
            write(folder / file)
            said = validate(binary, folder / "runbook.yaml", "--vars", "vars.yaml")
            if (folder / file).is_file():
                (folder / file).unlink()
            first = said.diagnostics[0] if said.diagnostics else {"code": "-", "file": "-", "line": 0, "column": 0, "message": said.err[:200]}
            place = f"{first['file']}:{first['line']}:{first['column']}"
            print(f"{said.work:6.2f} s {said.memory:6.1f} MiB  exit {said.code}  {file:<13} {what:<28} {first['code']} {place} {first['message'][:90]}")
            most_work, most_memory = max(most_work, said.work), max(most_memory, said.memory)
            wrong = misplaced(said, {65, 66})
            if said.work > options.most_work:
                wrong.append(f"{said.work:.2f} s of work")
            if said.memory > MOST_MEMORY:
                wrong.append(f"{said.memory:.0f} MiB")
            if len(said.out) > MOST_WORDS:
                wrong.append(f"{len(said.out)} bytes of diagnostics")
            # In the file, or where the runbook names it.
            named = said.diagnostics and any(file in str(found) for found in said.diagnostics)
            if said.diagnostics and not named:
                wrong.append(f"{place} and its words do not name {file}")
            failures += [f"{file}, {what}: {one}" for one in wrong]
    for failure in failures[:30]:
        print(failure, file=sys.stderr)
    print(f"{len(cases())} cases, {most_work:.2f} s of work and {most_memory:.0f} MiB at most, {len(failures)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
