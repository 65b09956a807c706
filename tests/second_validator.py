"""Validates what the tests left behind with Python's jsonschema: a validator that is not the product's own.

Every line of every audit.jsonl, every summary.json, and every shipped runbook must fit its schema in schemas/, and of the broken
runbooks whatever it refuses must be refused by the product, too. Exits 1 with the first misfits when one does not, or when there was nothing to check.
"""

import argparse
import json
import pathlib
import sys

import jsonschema
import yaml
from yaml_core import Core


def validator(schemas: pathlib.Path, name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((schemas / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--schemas", type=pathlib.Path, required=True)
    arguments.add_argument("--artifacts", type=pathlib.Path, required=True)
    arguments.add_argument("--runbooks", type=pathlib.Path, required=True)
    arguments.add_argument("--broken", type=pathlib.Path, required=True)
    options = arguments.parse_args()

    misfits: list[str] = []
    counts = {"audit files": 0, "audit lines": 0, "summaries": 0, "shipped runbooks": 0, "test runbooks": 0}
    counts |= {"broken runbooks that it refuses": 0, "broken runbooks that it accepts": 0}

    def check(schema: jsonschema.Draft202012Validator, document: object, where: str) -> None:
        for error in schema.iter_errors(document):
            misfits.append(f"{where}: {error.json_path}: {error.message}")

    for name in ("job", "payload", "profile", "trend", "comparison", "runs"):
        validator(options.schemas, name)

    audit = validator(options.schemas, "audit")
    for path in sorted(options.artifacts.rglob("audit.jsonl")):
        counts["audit files"] += 1
        lines = path.read_bytes().split(b"\n")
        # A file whose writer was killed may end in a torn line; whole lines must fit all the same.
        for number, line in enumerate(lines[:-1], start=1):
            counts["audit lines"] += 1
            check(audit, json.loads(line), f"{path}:{number}")

    summary = validator(options.schemas, "summary")
    for path in sorted(options.artifacts.rglob("summary.json")):
        counts["summaries"] += 1
        check(summary, json.loads(path.read_bytes()), str(path))

    runbook = validator(options.schemas, "runbook")
    for path in sorted(options.runbooks.glob("*.yaml")):
        counts["shipped runbooks"] += 1
        check(runbook, yaml.safe_load(path.read_bytes()), str(path))
    for path in sorted(options.artifacts.rglob("runbook.yaml")):
        counts["test runbooks"] += 1
        check(runbook, yaml.safe_load(path.read_bytes()), str(path))

    for path in sorted(options.broken.glob("*.yaml")):
        said = path.with_suffix(".err").read_text(encoding="utf-8")
        try:
            document = yaml.load(path.read_bytes(), Core)  # noqa: S506: a SafeLoader
        except (yaml.YAMLError, ValueError, RecursionError):
            continue
        refused = not runbook.is_valid(document)
        counts["broken runbooks that it refuses" if refused else "broken runbooks that it accepts"] += 1
        if refused and not said.endswith("exit 65\n"):
            misfits.append(f"{path}: jsonschema refuses what validate lets pass:\n{said}")

    for what, count in counts.items():
        print(f"{count:>8} {what}")
        if count == 0:
            misfits.append(f"there were no {what} to check")
    for misfit in misfits[:20]:
        print(misfit, file=sys.stderr)
    if misfits:
        print(f"{len(misfits)} misfits", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
