#!/usr/bin/env bash
# Makes the contenders' environment: bench/compare/setup.sh DIRECTORY
set -euo pipefail
into=${1:?name a directory for it, outside of this repository}
command -v redis-server >/dev/null || { echo "this needs redis-server: apt-get install redis-server"; exit 1; }
python3 -m venv "$into"
"$into/bin/pip" install --quiet --disable-pip-version-check -r "$(dirname "$0")/requirements.txt"
echo "now: python bench/compare/run.py --environment $into"
