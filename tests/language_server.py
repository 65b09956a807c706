"""What an editor gets from the shipped schema: the YAML language server is asked about runbooks/quickstart.yaml.

The server runs as an editor runs it, over stdio, and finds the schema by the first line of the runbook alone. Asked for
are completion, hover and diagnostics; expected is what schemas/runbook.schema.json says. Standard library only.
Exits 1 with every answer that is not as expected.
"""

import argparse
import json
import pathlib
import queue
import re
import subprocess
import sys
import threading

# No answer takes so long; a server that hangs fails the check, it does not hang it.
GUARD_SECONDS = 60


class Server:
    """The language server as a child, spoken to in JSON-RPC (Language Server Protocol 3.17)."""

    def __init__(self, command: list[str], root: pathlib.Path):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.inbox: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.last_id = 0
        self.diagnostics: dict[str, list] = {}
        markdown = {"contentFormat": ["markdown"], "documentationFormat": ["markdown"]}
        capabilities = {
            "workspace": {"configuration": True},
            "textDocument": {
                "hover": markdown,
                "completion": {"completionItem": {**markdown, "snippetSupport": True}},
                "publishDiagnostics": {},
            },
        }
        self.request("initialize", {"processId": None, "rootUri": root.as_uri(), "capabilities": capabilities})
        self.notify("initialized", {})

    def _read(self) -> None:
        out = self.process.stdout
        while True:
            length = 0
            while (line := out.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if length == 0:
                self.inbox.put(None)
                return
            self.inbox.put(json.loads(out.read(length)))

    def _send(self, message: dict) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def _next(self) -> dict:
        """The next message that is an answer or a notification; what the server asks of an editor is answered."""
        try:
            message = self.inbox.get(timeout=GUARD_SECONDS)
        except queue.Empty:
            sys.exit(f"the language server said nothing for {GUARD_SECONDS} s")
        if message is None:
            sys.exit("the language server ended")
        if "method" in message and "id" in message:
            result = None
            if message["method"] == "workspace/configuration":
                # Only the runbook's own first line may lead to the schema.
                yaml = {"schemaStore": {"enable": False}, "completion": True, "hover": True, "validate": True}
                result = [yaml if item.get("section") == "yaml" else None for item in message["params"]["items"]]
            self._send({"id": message["id"], "result": result})
        if message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        return message

    def notify(self, method: str, params: dict) -> None:
        self._send({"method": method, "params": params})

    def request(self, method: str, params: dict) -> object:
        self.last_id += 1
        self._send({"id": self.last_id, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == self.last_id and "method" not in message:
                if "error" in message:
                    sys.exit(f"{method}: {message['error']}")
                return message["result"]

    def open(self, path: pathlib.Path, text: str) -> str:
        """Opens a text as if it stood at this path, and waits for its diagnostics."""
        uri = path.as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        while uri not in self.diagnostics:
            self._next()
        return uri

    def complete(self, uri: str, line: int, column: int) -> dict[str, str]:
        position = {"textDocument": {"uri": uri}, "position": {"line": line, "character": column}}
        answer = self.request("textDocument/completion", position) or []
        items = answer["items"] if isinstance(answer, dict) else answer
        return {item["label"]: words_of(item.get("documentation")) for item in items}

    def hover(self, uri: str, line: int, column: int) -> str:
        position = {"textDocument": {"uri": uri}, "position": {"line": line, "character": column}}
        answer = self.request("textDocument/hover", position) or {}
        return words_of(answer.get("contents"))

    def stop(self) -> None:
        self.request("shutdown", {})
        self.notify("exit", {})
        self.process.stdin.close()
        self.process.wait(GUARD_SECONDS)


def words_of(content: object) -> str:
    return content.get("value", "") if isinstance(content, dict) else str(content or "")


def plain(markdown: str) -> str:
    """Letters and digits only: the server escapes and wraps as it likes."""
    return re.sub(r"[^0-9A-Za-z]+", " ", markdown.replace("&nbsp;", " ").replace("&#x20;", " ")).strip()


def at(schema: dict, path: str) -> dict:
    """The subschema of a path such as `sets.limits`; elements have no step of their own."""
    for key in path.split(".") if path else []:
        schema = schema.get("items", schema)["properties"][key]
    return schema.get("items", schema)


# A place in the runbook's text (the line that starts so, and the text in it), and the schema that it must be told from.
HOVERS = [
    ("version:", "version", "version"),
    ("owner:", "owner", "owner"),
    ("connection:", "connection", "connection"),
    ("  region:", "region", "connection.region"),
    ("    client_secret:", "client_secret", "connection.auth.client_secret"),
    ("    client_secret:", "env", "connection.auth.client_secret.env"),
    ("  timeouts:", "request", "connection.timeouts.request"),
    ("sets:", "sets", "sets"),
    ("    rows:", "rows", "sets.rows"),
    ("    rows:", "csv", "sets.rows.csv"),
    ("    when:", "when", "sets.when"),
    ("      direction:", "direction", "sets.job.direction"),
    ("    limits:", "concurrency", "sets.limits.concurrency"),
    ("limits:", "rate", "limits.rate"),
    ("retry:", "max_attempts", "retry.max_attempts"),
    ("success_criteria:", "success_criteria", "success_criteria"),
]

# A line of the runbook, what takes its place, and the mapping whose missing keys must be offered at the end of that.
COMPLETIONS = [
    ("privacy:", "{line}\n", ""),
    ("connection:", "{line}\n  ", "connection"),
    ("  timeouts:", "  timeouts:\n    ", "connection.timeouts"),
    ("  - name: billing", "{line}\n    ", "sets"),
    # Where one key at most may stand the server waits for a first letter.
    ("    rows:", "    rows:\n      c", "sets.rows"),
    ("      dtmf:", "      ", "sets.job"),
    ("limits:", "limits:\n  ", "limits"),
    ("retry:", "retry:\n  ", "retry"),
]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--server", required=True, help="yaml-language-server's executable")
    arguments.add_argument("--root", type=pathlib.Path, required=True, help="the repository")
    options = arguments.parse_args()
    root = options.root.resolve()
    runbooks = root / "runbooks"
    text = (runbooks / "quickstart.yaml").read_text(encoding="utf-8")
    lines = text.split("\n")
    modeline = lines[0]
    schema = json.loads((root / "schemas" / "runbook.schema.json").read_text(encoding="utf-8"))
    if modeline != "# yaml-language-server: $schema=../schemas/runbook.schema.json":
        sys.exit(f"runbooks/quickstart.yaml does not name its schema: {modeline}")

    wrong: list[str] = []
    checked = 0

    def check(good: bool, what: str) -> None:
        nonlocal checked
        checked += 1
        if not good:
            wrong.append(what)

    def line_of(start: str) -> int:
        return next(number for number, line in enumerate(lines) if line.startswith(start))

    server = Server([options.server, "--stdio"], root)

    # Diagnostics: none on what is shipped, one for a slip.
    shipped = sorted(runbooks.glob("*.yaml"))
    for path in shipped:
        found = server.diagnostics[server.open(path, path.read_text(encoding="utf-8"))]
        check(found == [], f"{path.name}: the server finds {json.dumps(found)}")
    number = line_of("description:")
    slip = "\n".join(lines[:number] + [lines[number].replace("description", "descripton", 1)] + lines[number + 1 :])
    found = server.diagnostics[server.open(runbooks / "slip.yaml", slip)]
    start = {"line": number, "character": 0}
    check([one["range"]["start"] for one in found] == [start], f"`descripton:` in line {number}: {json.dumps(found)}")

    # Hover: the schema's words for keys at every depth, in blocks and in braces.
    uri = (runbooks / "quickstart.yaml").as_uri()
    for start, key, path in HOVERS:
        number = line_of(start)
        told = plain(server.hover(uri, number, lines[number].index(key) + 1))
        words = plain(at_key(schema, path).get("description", "")) or "(the schema has no words)"
        check(words in told, f"hover over {path}: {told!r} does not say {words!r}")

    # Completion: every key that is not there yet, and the words for each.
    for index, (start, instead, path) in enumerate(COMPLETIONS):
        number = line_of(start)
        put = instead.format(line=lines[number]).split("\n")
        with_gap = lines[:number] + put + lines[number + 1 :]
        uri = server.open(runbooks / f"gap-{index}.yaml", "\n".join(with_gap))
        offered = server.complete(uri, number + len(put) - 1, len(put[-1]))
        depth = (len(put[-1]) - len(put[-1].lstrip())) * " "
        present = {match[1] for line in block(with_gap, number + len(put) - 1, depth) if (match := re.match(r"[ -]*(\w+):", line))}
        missing = {key: one for key, one in at(schema, path)["properties"].items() if key not in present}
        check(len(missing) > 0, f"nothing is left to complete in {path or 'the runbook'}")
        check(set(missing) <= set(offered), f"keys of {path or 'the runbook'}: {sorted(set(missing) - set(offered))} not offered")
        for key in set(missing) & set(offered):
            words = plain(missing[key].get("description", "")) or "(the schema has no words)"
            check(words in plain(offered[key]), f"completion of {path}.{key}: {offered[key]!r} does not say {words!r}")

    # And all that by the first line alone: without it the server knows nothing.
    uri = server.open(runbooks / "bare.yaml", "\n".join(lines[1:]))
    number = line_of("version:") - 1
    check(server.hover(uri, number, 1) == "", "the server has found the schema by other means than the first line")

    server.stop()
    print(f"{checked:>8} answers of the language server checked, {len(shipped)} shipped runbooks opened")
    for one in wrong:
        print(one, file=sys.stderr)
    return 1 if wrong else 0


def at_key(schema: dict, path: str) -> dict:
    """The subschema of a key itself, a list's own words included."""
    above, _, key = path.rpartition(".")
    return at(schema, above)["properties"][key]


def block(lines: list[str], number: int, depth: str) -> list[str]:
    """The lines of the mapping around a line that are indented as its keys are."""
    inside = lambda line: line.strip() == "" or line.startswith(depth) or line.lstrip().startswith("#")
    first, last = number, number
    while first > 0 and inside(lines[first - 1]):
        first -= 1
    # The first key of an element stands behind its dash.
    if first > 0 and depth and lines[first - 1].startswith(depth[:-2] + "- "):
        first -= 1
    while last + 1 < len(lines) and inside(lines[last + 1]):
        last += 1
    own = re.compile(f"^{depth}\\w|^{depth[:-2]}- ") if depth else re.compile(r"^\w")
    return [line for line in lines[first : last + 1] if own.match(line)]


if __name__ == "__main__":
    sys.exit(main())
