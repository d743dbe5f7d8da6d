#!/usr/bin/env bash
# Takes the pictures in docs/images:
#
#	scripts/screenshot.sh                 all: the Sheets emulator's grid, with the answers of scripts/screenshot/answers.jsonl
#	                                      posted to standalone, and a form's page as its tests serve it
#	scripts/screenshot.sh URL [FILE]      of a grid with rows that is served already
#
# FILE is the PNG to write, docs/images/grid.png if not given. Chromium is driven by playwright-core, which is kept in
# a cache folder outside of the repository.
set -euo pipefail
cd "$(dirname "$0")/.."

url=${1:-}
file=${2:-docs/images/grid.png}

if ! command -v chromium >/dev/null; then
	if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
		echo 'Chromium is not on PATH. As root on Debian: apt-get update && apt-get install chromium' >&2
		exit 1
	fi
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium
fi
if ! command -v curl >/dev/null; then
	echo 'curl is not on PATH. As root on Debian: apt-get update && apt-get install curl' >&2
	exit 1
fi
modules=$(scripts/screenshot/npm.sh)

# start_standalone runs it on free ports, posts the answers, and sets url.
start_standalone() {
	work=$(mktemp -d)
	trap 'kill "${pid:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
	go build -o "$work/standalone" ./services/standalone
	"$work/standalone" -http 127.0.0.1:0 -endpoint-http 127.0.0.1:0 -data "$work/data" >"$work/out" 2>"$work/log" &
	pid=$!
	for _ in $(seq 150); do
		grep -q '^ *Forms ' "$work/out" && break
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.2
	done
	local forms
	forms=$(sed -n 's/^ *Forms *\(http[^…]*\)….*/\1/p' "$work/out")
	url=$(sed -n 's/^ *Spreadsheet *\(http[^ ]*\).*/\1/p' "$work/out" | head -n 1)
	if [ -z "$forms" ] || [ -z "$url" ]; then
		echo 'Standalone did not start:' >&2
		cat "$work/log" >&2
		exit 1
	fi
	while read -r answer; do
		submit "${forms}student-data-form" "$answer"
	done <scripts/screenshot/answers.jsonl
	shows '@example.org' "$(wc -l <scripts/screenshot/answers.jsonl)"
	# Second, so that its tab stands behind the one with more to see.
	submit "${forms}demo-form" '{"name":"Ada Lovelace","email":"ada@example.org","message":"The Engine can do whatever we know how to order it to perform."}'
	shows '>Demo<' 1
}

submit() {
	curl -sS --fail-with-body -o "$work/answer" -H 'Content-Type: application/json' -d "$2" "$1" ||
		{ cat "$work/answer" >&2; exit 1; }
}

# shows waits until the page has a text on so many lines.
shows() {
	for _ in $(seq 150); do
		[ "$(curl -sS "$url" | grep -c "$1")" -lt "$2" ] || return 0
		sleep 0.2
	done
	echo "The page did not show $1 on $2 lines within 30 s:" >&2
	cat "$work/log" >&2
	exit 1
}

if [ -z "$url" ]; then
	FORMSTREAM_SCREENSHOTS=$PWD/docs/images go test -count=1 -vet=off -run '^TestBrowser$' ./services/form-api/formapi/page
	printf '%s\n' docs/images/form-*.png
	start_standalone
fi
mkdir -p "$(dirname "$file")"
PLAYWRIGHT=$modules/playwright-core CHROMIUM=$(command -v chromium) node scripts/screenshot/take.mjs "$url" "$file"
echo "$file"
