#!/usr/bin/env bash
# Runs every test of the project. Installs what a test needs and is missing; skips nothing in silence.
#
#   tests/run.sh          all tests, and then every file they left behind past a second JSON Schema validator
#
# Needs Rust, a C compiler and Debian packages at hand. Environment: nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

install() { # install DEBIAN-PACKAGE...
    say "installing $*"
    local sudo=""
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

command -v jq >/dev/null || install jq
command -v python3 >/dev/null || install python3
venv="$(pwd)/target/test-venv"
python="$venv/bin/python"
if ! "$python" -c 'import jsonschema, yaml' 2>/dev/null; then
    say "installing Python's jsonschema and PyYAML into target/test-venv"
    rm -rf "$venv"
    # Debian keeps venv apart from Python itself.
    python3 -m venv "$venv" || { install python3-venv && rm -rf "$venv" && python3 -m venv "$venv"; }
    "$python" -m pip install --quiet --disable-pip-version-check 'jsonschema[format-nongpl]>=4.23' 'PyYAML>=6'
fi

artifacts="$(pwd)/target/test-artifacts"
rm -rf "$artifacts"
mkdir -p "$artifacts"
log="$artifacts/cargo-test.log"

say "cargo test"
set +e
BRIDGEBOOK_TEST_ARTIFACTS="$artifacts" cargo test --quiet --no-fail-fast 2>&1 | tee "$log"
cargo_status=${PIPESTATUS[0]}
set -e

say "every file that the tests left, past Python's jsonschema"
set +e
"$python" tests/second_validator.py --schemas schemas --artifacts "$artifacts" --runbooks runbooks
validator_status=$?
set -e

say "the printed summary of the main job, recounted with jq"
set +e
cargo build --quiet && tests/recount.sh target/debug/bridgebook
recount_status=$?
set -e

passed=$(awk '/^test result:/ { n += $4 } END { print n + 0 }' "$log")
failed=$(awk '/^test result:/ { n += $6 } END { print n + 0 }' "$log")
for status in "$validator_status" "$recount_status"; do
    if [ "$status" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
[ "$cargo_status" = 0 ] || [ "$failed" -gt 0 ] || failed=1

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 2 ]
