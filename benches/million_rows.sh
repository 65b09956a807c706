#!/usr/bin/env bash
# Time and peak memory of `validate` over a million rows, and the place of one bad row near the end.
#
#   benches/million_rows.sh [BRIDGEBOOK]      default: target/release/bridgebook
#
# Needs GNU time. Rows hold numbers that are reserved for examples. Prints a line for each source.
set -euo pipefail
cd "$(dirname "$0")/.."
bridgebook=$(realpath "${1:-target/release/bridgebook}")
rows=1000000
bad=$((rows - 9)) # the tenth row from the end
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

runbook() { # runbook NAME ROWS
    cat >"$dir/$1.yaml" <<YAML
version: 1
name: $1
connection:
  base_url: "https://api.example.com"
  auth: {client_id: {env: CXONE_CLIENT_ID}, client_secret: {env: CXONE_CLIENT_SECRET}}
sets:
  - name: $1
    rows: $2
    job: {call_id: "{{row.call_id}}", targets: [{type: phone, value: "{{row.number}}"}], direction: transfer}
YAML
}

# The same rows in three formats: sound ones, and ones with one bad number.
for kind in sound bad; do
    awk -v rows=$rows -v bad=$bad -v kind=$kind -v dir="$dir" 'BEGIN {
        csv = dir "/" kind ".csv"; jsonl = dir "/" kind ".jsonl"; json = dir "/" kind ".json"
        print "call_id,queue,number" >csv
        print "{\"calls\": [" >json
        for (i = 1; i <= rows; i++) {
            number = (kind == "bad" && i == bad) ? "none" : "+120255501" sprintf("%02d", i % 100)
            printf "call-%07d,billing,%s\n", i, number >csv
            object = sprintf("{\"call_id\": \"call-%07d\", \"queue\": \"billing\", \"number\": \"%s\"}", i, number)
            print object >jsonl
            print "  " object (i < rows ? "," : "") >json
        }
        print "]}" >json
    }'
    runbook $kind-csv "{csv: $kind.csv}"
    runbook $kind-jsonl "{jsonl: $kind.jsonl}"
    runbook $kind-json "{json: $kind.json, pointer: /calls}"
done

cd "$dir"
for source in csv jsonl json; do
    for kind in sound bad; do
        expected=$([ $kind = sound ] && echo 0 || echo 65)
        set +e
        /usr/bin/time -f '%e s  %M KiB peak' -o time.txt "$bridgebook" validate "$kind-$source.yaml" >out.txt 2>err.txt
        code=$?
        set -e
        [ $code = "$expected" ] || { cat out.txt err.txt; exit 1; }
        printf '%-6s %-6s %s  exit %s  %s\n' "$source" "$kind" "$(tail -1 time.txt)" $code \
            "$( (cat out.txt; grep -m 1 -e '-->' err.txt) 2>/dev/null | head -1 | sed 's/^ *//')"
    done
done
