#!/usr/bin/env bash
# Installs what some tests run for real: redis-server with Sentinel, Chromium, and
# Java with Maven, which then fetches a Kafka broker's jars into the user's cache.
# Does nothing where they are there already. For Debian and Ubuntu; elsewhere it
# says what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
command -v redis-sentinel >/dev/null || missing+=(redis-sentinel)
command -v chromium >/dev/null || missing+=(chromium)
command -v java >/dev/null || missing+=(default-jre-headless)
command -v mvn >/dev/null || missing+=(maven)
command -v npm >/dev/null || missing+=(npm) # for what drives Chromium, and the JSON Schema validator that ours is held against

fetch_kafka() {
	go run ./pkgtest/withkafka -fetch
	echo 'Kafka, Redis, Sentinel and Chromium are installed.'
}
if [ ${#missing[@]} -eq 0 ]; then
	fetch_kafka
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	echo "Not found on PATH: ${missing[*]}. Install them with this system's package manager." >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "Not found on PATH: ${missing[*]}. As root: apt-get update && apt-get install ${missing[*]}" >&2
	exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${missing[@]}"
fetch_kafka
