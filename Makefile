# Two commands matter: `make demo` and `make test`. The rest serves them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test versions check site lock clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.server ## .venv with the command `switchhook` in it

demo: setup ## a real call becomes signed webhooks, on this machine
	@$(BIN)/python -m switchhook.demo

test: $(VENV)/.test ## installs what the tests need and runs them all
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/test.sh

versions: ## the tests on the other interpreters that are here (a quarter of an hour each)
	@for version in 3.12 3.13; do \
		if "python$$version" -c 'import venv' 2>/dev/null; \
		then $(MAKE) VENV=".venv-$$version" PYTHON="python$$version" test || exit 1; \
		else echo "python$$version is not here"; fi; \
	done

check: $(VENV)/.test ## formatting, lint, types, import directions
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

site: $(VENV)/.test ## the documentation as a site, in site/
	@$(BIN)/zensical build --strict

lock: ## pin every dependency anew, with hashes (needs uv)
	scripts/lock.sh

clean: ## remove what setup and the tests made
	rm -rf $(VENV) $(VENV)-3.* .pytest_cache .mypy_cache .ruff_cache .cache site node_modules

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Switchhook needs CPython 3.11, 3.12 or 3.13; this is %d.%d. Name another one: make PYTHON=python3.12 ..." % v)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.server: $(VENV)/bin/python pyproject.toml requirements/server.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/server.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test: $(VENV)/.server requirements/test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	@touch $@
