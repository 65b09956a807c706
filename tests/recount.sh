#!/usr/bin/env bash
# Runs the main job in the sandbox and recounts every number of the printed summary from its audit file with jq.
#   tests/recount.sh PATH-TO-BRIDGEBOOK
set -euo pipefail
bridgebook=$1
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$bridgebook" run runbooks/quickstart.yaml --sandbox --no-progress --out "$out/runs" >"$out/printed"
run_dir=$(dirname "$(awk '$1 == "report" { print $2 }' "$out/printed")")
"$bridgebook" verify "$run_dir"

# The first line is the verdict, the last one the path of the report: no numbers. The rest must be equal.
sed -e '1d' -e '$d' "$out/printed" >"$out/numbers"
jq -rs -f tests/recount.jq "$run_dir/audit.jsonl" >"$out/recounted"
if diff -u "$out/numbers" "$out/recounted"; then
    echo "recounted with jq: $(wc -l <"$out/numbers") lines of the summary are equal"
else
    echo "the printed summary is not what jq counts" >&2
    exit 1
fi
