#!/usr/bin/env bash
# Pins every dependency with hashes; the lock files name no index and no host.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header "$@"; }
compile pyproject.toml --extra server requirements/build.in -o requirements/server.txt
compile pyproject.toml --extra server --extra transcripts requirements/build.in requirements/test.in -c requirements/server.txt -o requirements/test.txt
