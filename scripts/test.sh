#!/usr/bin/env bash
# Installs what the tests need beside Python packages, then runs them. Called by `make test`, which puts .venv in front.
#
# Foreign programs judge our work: sipp (a SIP client), tinyproxy, Chromium (the page) and Node.js (another implementation of the signature);
# PostgreSQL is the shared store, and Redis a store of receivers; the tests start throw-away servers of their own. On Debian and Ubuntu they are installed when
# that is possible without asking; elsewhere the tests that need them are skipped and say so, unless CI is set: then they
# fail. Nothing that is installed is started as a service.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v sipp >/dev/null || missing+=(sip-tester)
command -v tinyproxy >/dev/null || missing+=(tinyproxy)
command -v chromium >/dev/null || missing+=(chromium)
command -v npm >/dev/null || missing+=(nodejs npm)
command -v initdb >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
command -v redis-server >/dev/null || missing+=(redis-server)
if [ ${#missing[@]} -gt 0 ]; then
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "installing ${missing[*]} for the tests"
    # 101: nothing is started; PostgreSQL's package would make and run a server for the whole machine.
    guard=/usr/sbin/policy-rc.d
    if [ -e "$guard" ]; then guard=; else printf '#!/bin/sh\nexit 101\n' >"$guard" && chmod +x "$guard"; fi
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}") >/dev/null || { rm -f $guard; exit 1; }
    [ -z "$guard" ] || rm -f "$guard"
  else
    echo "not installed: ${missing[*]}; the tests that need them are skipped" >&2
  fi
fi
if command -v npm >/dev/null && { [ ! -d node_modules/standardwebhooks ] || [ ! -d node_modules/axe-core ]; }; then
  npm ci --silent --no-audit --no-fund
fi
# Two at a time, a file by one of them: most tests wait for programs, databases and sockets rather than for the processor.
export PYTHONHASHSEED=0  # both must collect the same tests in the same order
exec python -m pytest -n 2 --dist loadfile "$@"
