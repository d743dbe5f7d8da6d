#!/usr/bin/env bash
# Runs every fuzz target of the workspace, one after the other, for a bounded
# time each. An input that breaks one is kept in the package's testdata/fuzz, to
# be committed with the repair.
set -euo pipefail
cd "$(dirname "$0")/.."

fuzztime=${1:-10s}
targets=$(grep -r -o -E --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' loadtest pkg pkgtest services | sed -E 's/^(.*):func (.*)$/\1 \2/' | sort)
while read -r file name; do
	echo "fuzz $name of $(dirname "$file") for $fuzztime"
	go test -run '^$' -vet=off -fuzz "^$name\$" -fuzztime "$fuzztime" "./$(dirname "$file")" </dev/null
done <<<"$targets"
