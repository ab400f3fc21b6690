# Latchkey: what can be done here. `make` alone lists it.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.DEFAULT_GOAL = help
.PHONY: help run demo test lint bench screenshots cli-reference lock clean

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/installed ## serve Latchkey; the first start makes and prints an administrator and a key
	@$(BIN)/python -m controlplane.bootstrap --first-start
	@exec $(BIN)/python manage.py serve $(if $(BIND),--bind $(BIND))

demo: $(VENV)/installed ## play the whole story against a throw-away data directory
	@$(BIN)/python -m controlplane.demo

test: $(VENV)/installed-dev ## run every test; REQUIRE_SERVICES=1 fails where a service is missing
	@$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/installed-dev ## ruff and mypy over the whole tree
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && DEBUG=true $(BIN)/mypy .

bench: $(VENV)/installed-dev ## measure beside the peers, in one run; writes benchmarks/results/
	@$(BIN)/python -m benchmarks

screenshots: $(VENV)/installed-dev ## take the pictures of the admin in docs/images/ anew; needs Chromium
	@$(BIN)/python -m tests.browser.screenshots

cli-reference: $(VENV)/installed-dev ## write the reference in docs/cli.md from the help of the command
	@$(BIN)/python -m latchkey.cli.reference docs/cli.md

lock: $(VENV)/installed-dev ## compile requirements.txt and requirements-dev.txt from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra server pyproject.toml --output-file requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra server --extra opentelemetry --group dev --constraint requirements.txt pyproject.toml --output-file requirements-dev.txt

clean: ## remove the environment and the caches; the data in DATA_DIR stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "latchkey: Python 3.11 or newer is needed; name one with PYTHON=...")'
	@echo "Making $(VENV)" && $(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt | $(VENV)/bin/python
	@echo "Installing what requirements.txt pins"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt | $(VENV)/bin/python
	@echo "Installing what requirements-dev.txt pins"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/installed
