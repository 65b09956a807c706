#!/usr/bin/env bash
# Runs every test of the project. Installs what a test needs and is missing; skips nothing in silence.
#
#   tests/run.sh          all tests, and then the checks by programs that are not ours: another JSON Schema validator,
#                         jq, DuckDB, readers of JUnit XML, GitHub's Markdown and Prometheus' metrics, a spreadsheet, an editor's
#                         language server, a browser
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
command -v cmark-gfm >/dev/null || install cmark-gfm
command -v xmllint >/dev/null || install libxml2-utils
# One program out of its package: installed as a whole it would start a server.
if ! command -v promtool >/dev/null && ! [ -x target/promtool/usr/bin/promtool ]; then
    say "fetching promtool into target/promtool"
    mkdir -p target/promtool
    (cd target/promtool && { apt-get download -qq prometheus || { install apt && apt-get download -qq prometheus; } } \
        && dpkg --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool && rm prometheus_*.deb)
fi
PATH="$PATH:$(pwd)/target/promtool/usr/bin"
command -v soffice >/dev/null || install libreoffice-calc-nogui
venv="$(pwd)/target/test-venv"
python="$venv/bin/python"
if ! "$python" -c 'import jsonschema, yaml, hdrh' 2>/dev/null; then
    say "installing Python's jsonschema, PyYAML and hdrhistogram into target/test-venv"
    rm -rf "$venv"
    # Debian keeps venv apart from Python itself.
    python3 -m venv "$venv" || { install python3-venv && rm -rf "$venv" && python3 -m venv "$venv"; }
    "$python" -m pip install --quiet --disable-pip-version-check 'jsonschema[format-nongpl]>=4.23' 'PyYAML>=6' 'hdrhistogram==0.10.8'
fi

pinned='from importlib.metadata import version as v; assert (v("duckdb"), v("junitparser")) == ("1.5.6", "5.0.3")'
if ! "$python" -c "$pinned" 2>/dev/null; then
    say "installing DuckDB and junitparser into target/test-venv"
    "$python" -m pip install --quiet --disable-pip-version-check 'duckdb==1.5.6' 'junitparser==5.0.3'
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

# The last major version of puppeteer-core that Debian's Node runs.
axe_version=4.11.0
puppeteer_version=24.37.5
page_check="$(pwd)/target/page-check"
command -v chromium >/dev/null || install chromium
command -v pdftotext >/dev/null || install poppler-utils
if ! grep -q "\"version\": \"$axe_version\"" "$page_check/node_modules/axe-core/package.json" 2>/dev/null ||
    ! grep -q "\"version\": \"$puppeteer_version\"" "$page_check/node_modules/puppeteer-core/package.json" 2>/dev/null; then
    command -v npm >/dev/null || install nodejs npm
    say "installing axe-core $axe_version and puppeteer-core $puppeteer_version into target/page-check"
    rm -rf "$page_check"
    mkdir -p "$page_check"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$page_check" \
        "axe-core@$axe_version" "puppeteer-core@$puppeteer_version"
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
invented="$(pwd)/target/invented-runs"
rm -rf "$invented"
mkdir -p "$invented"
check "200 random runs" env BRIDGEBOOK_INVENTED="$invented" \
    cargo test --quiet --test integration -- --ignored invented_audit_files_for_the_recount
check "every figure of their reports in every format, recounted with DuckDB" \
    "$python" tests/recount_formats.py --binary "$binary" --runs "$invented"
check "their JUnit XML, Markdown and metrics, and those of a hostile run, read by programs that are not ours" \
    "$python" tests/consumers.py "$invented" "$artifacts"
check "the tables of a run, opened and saved again by LibreOffice" python3 tests/spreadsheet.py --binary "$binary"
check "what an editor shows of the schema, by the YAML language server" \
    python3 tests/language_server.py --server "$language_server/node_modules/.bin/yaml-language-server" --root .
check "the page of a report, in headless Chromium and past axe-core" \
    node tests/page.mjs --binary "$binary" --modules "$page_check/node_modules" --pages "$artifacts/pages"

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
