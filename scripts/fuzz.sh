#!/usr/bin/env bash
# Runs every fuzz target of the workspace, one after the other, for a bounded
# time each. An input that breaks one is kept in the package's testdata/fuzz, to
# be committed with the repair.
set -euo pipefail
cd "$(dirname "$0")/.."

fuzztime=${1:-10s}
targets=$(git grep --untracked -n -o -E '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed -E 's/^(.*):[0-9]+:func (.*)$/\1 \2/')
if [ -z "$targets" ]; then
	echo 'No fuzz target found.'
	exit 1
fi
while read -r file name; do
	echo "fuzz $name of $(dirname "$file") for $fuzztime"
	go test -run '^$' -vet=off -fuzz "^$name\$" -fuzztime "$fuzztime" "./$(dirname "$file")" </dev/null
done <<<"$targets"
