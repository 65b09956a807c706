"""Reads the histograms of closing records with another implementation of HdrHistogram, and recounts them from the lines before.

Every `run_finished` of every audit.jsonl below --artifacts that has histograms: each must decode to exactly the times of the
attempts before it, of the run and of each set, and the merged histogram of all runs to those of all attempts. Exits 1 with the
first misfits when one does not, or when there was nothing to check.
"""

import argparse
import collections
import json
import pathlib
import sys

from hdrh.histogram import HdrHistogram


def recorded(histogram: HdrHistogram) -> collections.Counter:
    """Each value with its count, in microseconds."""
    counts: collections.Counter = collections.Counter()
    for step in histogram.get_recorded_iterator():
        value = histogram.get_lowest_equivalent_value(step.value_iterated_to)
        counts[value] += step.count_at_value_iterated_to
    return counts


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--artifacts", type=pathlib.Path, required=True)
    options = arguments.parse_args()

    misfits: list[str] = []
    counted = collections.Counter()
    merged = HdrHistogram(1, 24 * 3600 * 1_000_000, 3)
    everything: collections.Counter = collections.Counter()

    for path in sorted(options.artifacts.rglob("audit.jsonl")):
        # By set (None: the whole run) and kind.
        times: dict[tuple[str | None, str], collections.Counter] = collections.defaultdict(collections.Counter)
        for line in path.read_bytes().split(b"\n")[:-1]:
            record = json.loads(line)
            if record["event_type"] == "bridge_attempt":
                for name in (None, record["set"]):
                    times[name, "queue"][round(record["queue_ms"] * 1000)] += 1
                    if record["status_code"] is not None:
                        times[name, "latency"][round(record["latency_ms"] * 1000)] += 1
            if record["event_type"] != "run_finished" or "histograms" not in record:
                continue
            counted["closing records"] += 1
            histograms = record["histograms"]
            sets = [(one["set"], one) for one in histograms["sets"]]
            if [name for name, _ in sets] != [one["set"] for one in record["sets"]]:
                misfits.append(f"{path}: the sets of the histograms are not those of the totals")
            for name, texts in [(None, histograms["total"]), *sets]:
                for kind in ("latency", "queue"):
                    counted["histograms"] += 1
                    histogram = HdrHistogram.decode(texts[kind])
                    found = recorded(histogram)
                    counted["times"] += found.total()
                    if found != times[name, kind]:
                        misfits.append(f"{path}: {kind} of {name or 'the run'}: {found} is not {times[name, kind]}")
                    if name is None and kind == "latency":
                        merged.add(histogram)
                        everything += found

    if recorded(merged) != everything:
        misfits.append("the merged histogram is not that of all runs")
    for what in ("closing records", "histograms", "times"):
        print(f"{counted[what]:>8} {what}")
        if counted[what] == 0:
            misfits.append(f"there were no {what} to check")
    for misfit in misfits[:20]:
        print(misfit, file=sys.stderr)
    return 1 if misfits else 0


if __name__ == "__main__":
    sys.exit(main())
