"""Opens the CSV files of a run with hostile text in LibreOffice, and looks at what has become of every cell.

No cell may be a formula, every text must be the text of the file, numbers are what they are, and telephone numbers keep each digit
and the plus. What LibreOffice saves again must still run: the same payloads. A file of its own with a plain formula proves that
LibreOffice would have taken one. Exits 1 when anything differs.
"""

import argparse
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

NS = {
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
}
FILES = ["results.csv", "summary.csv", "failed.csv", "unknown.csv", "not_attempted.csv"]
# Separator, quote, UTF-8, from the first line on, standard format; cells in quotes are as good as others; dates and formulas are
# wanted. This is the worst that a user can choose.
EAGER = "CSV:44,34,76,1,,0,false,true,false,false,false,-1,true"
PLAIN = "CSV:44,34,76,1"
SAVED = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"

NOTES = [
    "=cmd|' /C calc'!A0",
    "+12025550101",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "\t=1+1",
    "  =1+1",
    "'=1+1",
    "\uff1d1+1",
    'a "quoted" word, with a comma',
    "two\nlines",
    "\n=1+1",
    "red \u202e txt.exe",
    "\u00e9\u4e2d\U0001f600",
    "x" * 30_000,
    '=HYPERLINK("http://example.com","press")',
    "O'Brien",
    "",
]
# Nothing that XML can hold: looked at, but not sent around.
ESCAPED = "\x1b[31m=1+1"

RUNBOOK = """version: 1
name: hostile
connection: {base_url: "https://api.example.com", auth: {client_id: {env: ID}, client_secret: {env: SECRET}}}
sets:
  - name: table
    rows: {csv: rows.csv}
    key: "{{row.call_id}} {{sha256 row.note}}"
    job: {call_id: "{{row.call_id}}", targets: [{type: phone, value: "{{row.number}}"}], direction: transfer}
  - name: lines
    rows: {jsonl: rows.jsonl}
    key: "{{row.note}}{{row.call_id}}"
    job: {call_id: "{{row.call_id}}", targets: [{type: phone, value: "{{row.number}}"}], direction: transfer}
limits: {concurrency: 1}
breaker: {failures: 0}
on_lost_criterion: continue
abort_when: ["unknown >= 1"]
"""


class Office:
    """LibreOffice with a profile of its own."""

    def __init__(self, program: str, home: pathlib.Path) -> None:
        self.program, self.home = program, home

    def convert(self, files: list[pathlib.Path], to: str, out: pathlib.Path, infilter: str | None) -> None:
        command = [self.program, f"-env:UserInstallation=file://{self.home}", "--headless", "--norestore"]
        command += [f"--infilter={infilter}"] if infilter else []
        command += ["--convert-to", to, "--outdir", str(out), *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        missing = [file for file in files if not (out / (file.stem + "." + to.split(":")[0])).exists()]
        if done.returncode or missing:
            sys.exit(f"LibreOffice: {done.stdout}{done.stderr}")


def words(element: ET.Element) -> str:
    """The text of a paragraph, blanks and all."""
    text = element.text or ""
    for child in element:
        name = child.tag.split("}")[1]
        if name == "s":
            text += " " * int(child.get(f"{{{NS['text']}}}c", "1"))
        elif name == "tab":
            text += "\t"
        elif name == "line-break":
            text += "\n"
        else:
            text += words(child)
        text += child.tail or ""
    return text


def sheet(path: pathlib.Path) -> list[list[tuple[str, str, str | None]]]:
    """Rows of cells: kind, text or value, formula."""
    attribute = lambda element, space, name: element.get(f"{{{NS[space]}}}{name}")  # noqa: E731
    rows = []
    for row in ET.parse(path).getroot().iterfind(".//table:table-row", NS):
        cells = []
        for cell in row.iterfind("table:table-cell", NS):
            kind = attribute(cell, "office", "value-type") or "string"
            text = "\n".join(words(paragraph) for paragraph in cell.iterfind("text:p", NS))
            value = attribute(cell, "office", "value") if kind == "float" else text
            repeated = int(attribute(cell, "table", "number-columns-repeated") or 1)
            cells += [(kind, value or "", attribute(cell, "table", "formula"))] * min(repeated, 100)
        rows.append(cells)
    return rows


def plain(text: str) -> str:
    """Without what XML cannot hold, ends of lines as one sign."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in text if c in "\t\n" or ord(c) >= 32)


def compare(name: str, written: pathlib.Path, opened: pathlib.Path, eager: bool) -> list[str]:
    wrong = []
    with written.open(encoding="utf-8", newline="") as file:
        expected = list(csv.reader(file))
    found = sheet(opened)
    for line, cells in enumerate(expected):
        there = found[line] if line < len(found) else []
        for column, text in enumerate(cells):
            kind, value, formula = there[column] if column < len(there) else ("string", "", None)
            where = f"{name}, row {line + 1}, {expected[0][column]}: {text[:60]!r}"
            if formula is not None:
                wrong.append(f"{where} is the formula {formula[:60]}")
            elif kind == "float":
                if float(text) != float(value):
                    wrong.append(f"{where} is the number {value}")
                elif "number" in expected[0][column] or text.lstrip("'").startswith("+"):
                    wrong.append(f"{where} has become a number")
            elif kind == "string":
                if plain(text) != plain(value):
                    wrong.append(f"{where} is {value[:60]!r}")
            elif not (eager and kind in ("date", "percentage", "boolean")):
                wrong.append(f"{where} is a {kind}")
    return wrong


def payloads(binary: str, home: pathlib.Path, *args: str) -> list[str]:
    path = home / "payloads.jsonl"
    path.unlink(missing_ok=True)
    command = [binary, "plan", "runbook.yaml", "--payloads", str(path), *args]
    done = subprocess.run(command, cwd=home, env={**os.environ, "ID": "x", "SECRET": "y"}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return path.read_text(encoding="utf-8").splitlines()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--office", default="soffice")
    args = parser.parse_args()
    binary = str(pathlib.Path(args.binary).resolve())
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        # A call each for a refusal, then one that gets lost, and those that are not begun any more.
        calls = [(f"bad-{index}", note) for index, note in enumerate([*NOTES, ESCAPED])]
        rows = [(call, f"+1202555{100 + index:04}", note) for index, (call, note) in enumerate(calls)]
        rows.append(("lost-0", "+12025550150", "=1+1"))
        with (home / "rows.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["call_id", "number", "note", "=header"])
            writer.writerows([*row, "+1"] for row in rows)
        with (home / "rows.jsonl").open("w", encoding="utf-8") as file:
            for index, note in enumerate(NOTES):
                row = {"call_id": f"last-{index}", "number": f"+1202555{160 + index:04}", "note": note[:200], "list": [note[:9], 1], "none": None}
                file.write(json.dumps(row) + "\n")
        (home / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
        bad = ", ".join(call for call, _ in calls)
        (home / "script.yaml").write_text(
            f"faults:\n  - {{calls: [{bad}], answer: {{status: 404}}}}\n  - {{calls: [lost-0], reset: before_effect}}\n", encoding="utf-8"
        )
        run = [binary, "run", "runbook.yaml", "--sandbox", "--sandbox-script", "script.yaml", "--no-progress"]
        done = subprocess.run(run, cwd=home, capture_output=True, text=True, check=False)
        if done.returncode != 12:
            sys.exit(f"the run ended with {done.returncode}: {done.stdout}{done.stderr}")
        [run_dir] = [path for path in (home / "runs" / "hostile").iterdir() if path.is_dir()]
        formula = home / "formula.csv"
        formula.write_text("a\n=1+1\n", encoding="utf-8")
        office = Office(args.office, home / "office")
        wrong = []
        for name, infilter in [("plain", PLAIN), ("eager", EAGER)]:
            out = home / name
            files = [run_dir / file for file in FILES]
            office.convert([*files, formula], "fods", out, infilter)
            for file in files:
                wrong += compare(f"{file.name} ({name})", file, out / (file.stem + ".fods"), name == "eager")
        if not any(cell[2] for row in sheet(home / "eager" / "formula.fods") for cell in row):
            wrong.append("LibreOffice does not take a formula for one: this test shows nothing")
        for file in ["failed.csv", "not_attempted.csv"]:
            office.convert([home / "plain" / file.replace(".csv", ".fods")], SAVED, home / "saved", None)
            if payloads(binary, home, "--rows", str(home / "saved" / file)) != payloads(binary, home, "--rows", str(run_dir / file)):
                wrong.append(f"{file}: what LibreOffice has saved gives other payloads")
        print("\n".join(wrong) or f"{len(FILES)} files, opened in two ways: no formula, every text as it was")
        return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
