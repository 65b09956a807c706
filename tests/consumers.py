"""Gives junit.xml, summary.md and metrics.prom of many runs to programs that are not ours.

junit.xml: expat parses it, xmllint holds it against tests/fixtures/junit/junit.xsd, and the numbers that `junitparser` reads from the
attributes are those of the cases, or more where the file says that it leaves some out.

summary.md: cmark-gfm, GitHub's own renderer with its extensions, makes HTML of it in which there is no tag but those that the report
writes, no link, and nothing that GitHub would make a link or a mention of outside of code; it is below 65,000 characters.

metrics.prom: promtool finds nothing to say.

Folders with the name `hostile` hold the reports of a run against a hostile server: its words must be there, as text.

Exits 1 when anything is wrong.
"""

import argparse
import html.parser
import pathlib
import re
import subprocess
import sys
import xml.parsers.expat
from concurrent.futures import ThreadPoolExecutor

from junitparser import Error, Failure, JUnitXml, Skipped
from junitparser.junitparser import SystemOut

XSD = pathlib.Path(__file__).parent / "fixtures/junit/junit.xsd"
# GitHub takes 65,536 of them in a comment.
MOST_CHARACTERS = 65_000
# A file that a CI server, a browser or a monitor opens.
MOST_BYTES = 20_000_000
# What the report itself writes, and nothing else.
TAGS = {"h2", "h3", "p", "ul", "li", "strong", "code", "table", "thead", "tbody", "tr", "th", "td"}
# What GitHub makes a link of in a text: mentions, issues, addresses, mail, hashes of commits.
LINKED = re.compile(r"@\w|#\d|\bGH-\d|https?:|www\.|[\w.]+@[\w.]+|\b(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}\b")
# A word of each hostile text of the test `hostile_words_of_server_and_data_do_nothing_in_any_report`.
HOSTILE_WORDS = ["alert(1)", "cmd|", "[31m", "javascript:", "@octocat"]


class Page(html.parser.HTMLParser):
    """The tags of a page, and its text outside of code and inside."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.depth = 0
        self.words: list[str] = []
        self.code: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.depth += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "code"

    def handle_comment(self, data: str) -> None:
        self.tags.add(f"<!--{data}-->")

    def handle_data(self, data: str) -> None:
        (self.code if self.depth else self.words).append(data)


def junit(path: pathlib.Path) -> list[str]:
    raw = path.read_bytes()
    parser, texts = xml.parsers.expat.ParserCreate(), []
    parser.StartElementHandler = lambda _, attributes: texts.extend(attributes.values())
    parser.CharacterDataHandler = texts.append
    parser.Parse(raw, True)
    wrong = []
    valid = subprocess.run(["xmllint", "--noout", "--schema", str(XSD), str(path)], capture_output=True, check=False)
    if valid.returncode != 0:
        wrong.append(valid.stderr.decode("utf-8", "replace")[:500])
    for suite in JUnitXml.fromfile(str(path)):
        results = [[type(result) for result in case.result] for case in suite]
        said = suite.child(SystemOut)
        left_out = said is not None and "have no case here" in said.text
        for kind, said in ((Failure, suite.failures), (Error, suite.errors), (Skipped, suite.skipped)):
            cases = sum(kind in result for result in results)
            if cases > said or (cases < said and not left_out):
                wrong.append(f"{suite.name}: {cases} cases are {kind.__name__}, the attribute says {said}")
        if len(results) > suite.tests or (len(results) < suite.tests) != left_out:
            wrong.append(f"{suite.name}: {len(results)} cases, the attribute says {suite.tests}")
    if path.parent.name == "hostile":
        text = "".join(texts)
        wrong += [f"{word!r} is not in it" for word in HOSTILE_WORDS if word not in text]
    return wrong


def markdown(path: pathlib.Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    wrong = [] if len(text) < MOST_CHARACTERS else [f"{len(text)} characters"]
    extensions = ["-e", "table", "-e", "autolink", "-e", "strikethrough", "-e", "tasklist", "-e", "footnotes"]
    for more in ([], ["--smart"]):
        command = ["cmark-gfm", "--unsafe", *extensions, *more, str(path)]
        made = subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8")
        page = Page()
        page.feed(made)
        page.close()
        wrong += [f"there is a tag <{tag}>" for tag in page.tags - TAGS]
        wrong += [f"there is an attribute {name}" for name in page.attributes - {"align"}]
        linked = LINKED.search("".join(page.words))
        wrong += [f"GitHub would make something of {linked.group()!r}"] if linked else []
        if path.parent.name == "hostile":
            code = "".join(page.code)
            wrong += [f"{word!r} is not in it" for word in HOSTILE_WORDS if word not in code]
    return wrong


def prometheus(path: pathlib.Path) -> list[str]:
    with path.open("rb") as metrics:
        said = subprocess.run(["promtool", "check", "metrics"], stdin=metrics, capture_output=True, check=False)
    words = (said.stdout + said.stderr).decode("utf-8", "replace").strip()
    return [words] if said.returncode != 0 or words else []


CHECKS = {"junit.xml": junit, "summary.md": markdown, "metrics.prom": prometheus}


def check(path: pathlib.Path) -> list[str]:
    try:
        wrong = CHECKS[path.name](path)
    except (xml.parsers.expat.ExpatError, subprocess.CalledProcessError, ValueError) as error:
        wrong = [repr(error)]
    size = path.stat().st_size
    return [f"{path}: {one}" for one in wrong + ([f"{size} bytes"] if size > MOST_BYTES else [])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path, help="folders with runs somewhere in them")
    arguments = parser.parse_args()
    files = {name: sorted(path for folder in arguments.folders for path in folder.rglob(name)) for name in CHECKS}
    assert any(path.parent.name == "hostile" for path in files["junit.xml"]), "the hostile run is missing"
    with ThreadPoolExecutor(2) as pool:
        wrong = sum(pool.map(check, sum(files.values(), [])), [])
    for one in wrong[:40]:
        print(one, file=sys.stderr)
    counts = ", ".join(f"{len(paths)} {name}" for name, paths in files.items())
    print(f"read by programs that are not ours: {counts}; {len(wrong)} things are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
