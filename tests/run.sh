#!/usr/bin/env bash
# Runs every test of the project. Installs what a test needs and is missing; skips nothing in silence.
#
#   tests/run.sh          all tests, and then the checks by programs that are not ours: another JSON Schema validator,
#                         jq, an editor's language server
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
command -v openssl >/dev/null || install openssl
command -v tinyproxy >/dev/null || install tinyproxy
venv="$(pwd)/target/test-venv"
python="$venv/bin/python"
if ! "$python" -c 'import jsonschema, yaml, hdrh' 2>/dev/null; then
    say "installing Python's jsonschema, PyYAML and hdrhistogram into target/test-venv"
    rm -rf "$venv"
    # Debian keeps venv apart from Python itself.
    python3 -m venv "$venv" || { install python3-venv && rm -rf "$venv" && python3 -m venv "$venv"; }
    "$python" -m pip install --quiet --disable-pip-version-check 'jsonschema[format-nongpl]>=4.23' 'PyYAML>=6' 'hdrhistogram==0.10.8'
fi

# The last major version that Debian's Node runs.
language_server_version=1.25.0
language_server="$(pwd)/target/language-server"
if ! grep -q "\"version\": \"$language_server_version\"" "$language_server/node_modules/yaml-language-server/package.json" 2>/dev/null; then
    command -v npm >/dev/null || install nodejs npm
    say "installing yaml-language-server $language_server_version into target/language-server"
    rm -rf "$language_server"
    mkdir -p "$language_server"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$language_server" "yaml-language-server@$language_server_version"
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
passed=$(awk '/^test result:/ { n += $4 } END { print n + 0 }' "$log")
failed=$(awk '/^test result:/ { n += $6 } END { print n + 0 }' "$log")
[ "$cargo_status" = 0 ] || [ "$failed" -gt 0 ] || failed=1
# Hundreds: when none has run, something else is wrong.
[ "$passed" -gt 0 ] || failed=$((failed + 1))

check() { # check WHAT COMMAND...: counts as one test
    say "$1"
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        echo "FAILED: $*" >&2
        failed=$((failed + 1))
    fi
}

check "the binary that the other programs look at" cargo build --quiet
binary=target/debug/bridgebook

check "every file that the tests left, past Python's jsonschema" \
    "$python" tests/second_validator.py --schemas schemas --artifacts "$artifacts" --runbooks runbooks --broken tests/fixtures/invalid
check "the histograms of every closing record, by Python's hdrhistogram" \
    "$python" tests/histograms.py --artifacts "$artifacts"
# A release build needs less than a second for each of these files; this is a debug build on a machine that may be busy.
check "1500 broken runbooks, past Python's jsonschema and through validate" \
    "$python" tests/mutations.py --binary "$binary" --root . --most-work 3
check "a hundred hostile files, each an error with a place, soon and within 200 MB" \
    python3 tests/hostile.py --binary "$binary" --most-work 3
check "the printed summary of the main job, recounted with jq" tests/recount.sh "$binary"
check "what an editor shows of the schema, by the YAML language server" \
    python3 tests/language_server.py --server "$language_server/node_modules/.bin/yaml-language-server" --root .

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
