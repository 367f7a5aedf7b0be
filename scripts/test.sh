#!/usr/bin/env bash
# Installs what the tests need beside Python packages, then runs them. Called by `make test`, which puts .venv in front.
#
# Foreign programs judge our work: sipp (a SIP client) and Node.js (another implementation of the signature). On Debian
# and Ubuntu they are installed when that is possible without asking; elsewhere the tests that need them are skipped
# and say so, unless CI is set: then they fail.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v sipp >/dev/null || missing+=(sip-tester)
command -v npm >/dev/null || missing+=(nodejs npm)
if [ ${#missing[@]} -gt 0 ]; then
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "installing ${missing[*]} for the tests"
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}") >/dev/null
  else
    echo "not installed: ${missing[*]}; the tests that need them are skipped" >&2
  fi
fi
if command -v npm >/dev/null && [ ! -d node_modules/standardwebhooks ]; then
  npm ci --silent --no-audit --no-fund
fi
exec python -m pytest "$@"
