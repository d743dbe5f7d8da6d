#!/usr/bin/env bash
# Takes a picture of a page of the Sheets emulator, for the README:
#
#	scripts/screenshot.sh URL [FILE]
#
# URL is a page with rows, such as http://127.0.0.1:3001/spreadsheets/d/formstream-demo?gid=0
# and FILE the PNG to write, docs/images/grid.png if not given. Chromium is driven by
# playwright-core, which is kept in a cache folder outside of the repository.
set -euo pipefail
cd "$(dirname "$0")/.."

playwright=1.65.1

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
	echo 'Usage: scripts/screenshot.sh URL [FILE]' >&2
	exit 2
fi
url=$1
file=${2:-docs/images/grid.png}

if ! command -v chromium >/dev/null; then
	if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
		echo 'Chromium is not on PATH. As root on Debian: apt-get update && apt-get install chromium' >&2
		exit 1
	fi
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium
fi
if ! command -v npm >/dev/null; then
	echo 'npm is not on PATH. As root on Debian: apt-get update && apt-get install npm' >&2
	exit 1
fi

cache=${XDG_CACHE_HOME:-$HOME/.cache}/formstream/screenshot-$playwright
if [ ! -d "$cache/node_modules/playwright-core" ]; then
	mkdir -p "$cache"
	npm install --prefix "$cache" --no-save --no-audit --no-fund --silent "playwright-core@$playwright"
fi

mkdir -p "$(dirname "$file")"
PLAYWRIGHT=$cache/node_modules/playwright-core CHROMIUM=$(command -v chromium) node scripts/screenshot/take.mjs "$url" "$file"
echo "$file"
