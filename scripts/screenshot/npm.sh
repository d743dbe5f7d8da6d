#!/usr/bin/env bash
# Prints the folder with playwright-core, which drives Chromium, and axe-core, which checks pages for accessibility. It is
# filled once and kept in the user's cache, outside of the repository.
set -euo pipefail

playwright=1.65.1
axe=4.14.1

for command in npm node; do
	if ! command -v "$command" >/dev/null; then
		echo "$command is not on PATH. As root on Debian: apt-get update && apt-get install npm" >&2
		exit 1
	fi
done
cache=${XDG_CACHE_HOME:-$HOME/.cache}/formstream/browser-$playwright-$axe
if [ ! -d "$cache" ]; then
	mkdir -p "$(dirname "$cache")"
	new=$(mktemp -d "$cache.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	npm install --prefix "$new" --no-save --no-audit --no-fund --silent "playwright-core@$playwright" "axe-core@$axe" >&2
	mv -T "$new" "$cache" 2>/dev/null || true # another one was first: its folder is as good
fi
echo "$cache/node_modules"
