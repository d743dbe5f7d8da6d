#!/usr/bin/env bash
# The suite on a real Kafka beside the least servers that could stand in its place,
# in one run: 1000 users at once, 5 requests each, round by round. Every submission
# that the suite accepts is counted in the spreadsheet. Figures need a machine that
# does nothing else.
#
#   scripts/burst.sh [flags of loadtest burst, such as -rounds 3]
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$(mktemp -d)
pids=()
end() {
	for pid in "${pids[@]}"; do kill -INT "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	rm -rf "$dir"
}
trap end EXIT

go build -o "$dir/" ./pkgtest/runsuite ./loadtest ./loadtest/baseline

# The first line that a program prints which matches, once it is there.
said() {
	for _ in $(seq 3000); do
		if grep -m1 -oE "$2" "$1"; then return; fi
		sleep 0.1
	done
	cat "$1" >&2
	echo "burst.sh: no $2 in five minutes" >&2
	exit 1
}

"$dir/runsuite" -http 127.0.0.1:0 -sheets 127.0.0.1:0 -jvm '-Xms512m -Xmx1g -XX:+UseG1GC' >"$dir/suite" 2>&1 &
pids+=($!)
said "$dir/suite" 'Post one' >/dev/null
address() { awk -v name="$1" '$1 == name { print $2 }' "$dir/suite"; }

for mode in ceiling floor; do
	"$dir/baseline" -mode "$mode" -http 127.0.0.1:0 -brokers "$(address Kafka)" >"$dir/$mode" 2>&1 &
	pids+=($!)
done

sheets=$(address sheets-emulator-1)
forms=$(address Forms)
"$dir/loadtest" burst -url "suite=${forms%/forms*}" -url "form-api=$(address form-api-1)" \
	-url "floor=$(said "$dir/floor" 'http://[0-9.:]+')" -url "ceiling=$(said "$dir/ceiling" 'http://[0-9.:]+')" \
	-against floor -count suite,form-api -endpoint "$sheets" -rounds 11 -warmup 1m "$@"
