#!/bin/sh
# Writes the hash-pinned lists again from pyproject.toml and servers.in (needs uv; run by `make lock`).
set -eu
cd "$(dirname "$0")/.."
lock() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate "$@"; }
lock --extra sandbox pyproject.toml -o requirements/runtime.txt
lock --extra sandbox --extra dev pyproject.toml -o requirements/dev.txt
lock --no-deps requirements/servers.in -o requirements/servers.txt
if grep -nE 'https?://|^--(index|extra-index|find-links)' requirements/*.txt; then
  echo "an address stands in a lock file" >&2
  exit 1
fi
