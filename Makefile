# The tasks of this repository. `make` without a target lists them, grouped by the lines that start with ##@.
PYTHON ?= python3
VENV ?= .venv
DOCS = build/docs
BIN = $(VENV)/bin
MINIMUM = $(shell sed -n 's/^requires-python = ">=\(.*\)"$$/\1/p' pyproject.toml)
LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version $(MINIMUM)
# Without keyring and jq: the tests have stand-ins for them, and no server needs them.
LOCKED_EXTRAS = server django drf fastapi flask asgi wsgi opentelemetry

.DEFAULT_GOAL = help
.PHONY: help run demo test test-all test-failed lint bench screenshots cli-reference schema lock dist docs checks image image-check sbom packages release-image release-check release-tag release-notes clean

help: ## list the targets
	@awk -F ':.*## ' '/^##@/ {print "\n" substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Run

run: $(VENV)/installed ## start the server; the first start creates an administrator and a key, and prints them
	@exec $(BIN)/python -m controlplane.bootstrap --serve --first-start $(if $(BIND),--bind $(BIND))

demo: $(VENV)/installed ## issue, limit, rotate and revoke a key on a temporary server
	@$(BIN)/python -m console.demo_data.walkthrough

##@ Test

test: $(VENV)/installed-dev ## run the fast tests, while you work; ARGS="tests/ratelimit -x" goes to pytest
	@$(BIN)/python -m tests $(ARGS)

test-all: $(VENV)/installed-dev ## run every test, over both pairs of stores; REQUIRE_SERVICES=1 fails if a service is missing
	@$(BIN)/python -m tests --all $(ARGS)

test-failed: $(VENV)/installed-dev ## run the tests that failed last
	@$(BIN)/python -m tests --failed $(ARGS)

lint: $(VENV)/installed-dev ## run ruff, the check of the language, the import contracts, and mypy over the whole tree
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/python -m tests.docs.language
	@$(BIN)/lint-imports --no-logo --no-cache && DEBUG=true $(BIN)/mypy .

bench: $(VENV)/installed-dev ## measure Latchkey and comparable software in one run; writes benchmarks/results/
	@$(BIN)/python -m benchmarks

##@ Generate files

screenshots: $(VENV)/installed-dev ## take pictures of the admin for the docs, and of every page for review (build/screenshots/); needs Chromium
	@$(BIN)/python -m tests.browser.screenshots

cli-reference: $(VENV)/installed-dev ## write the reference in docs/reference/cli.md from the help of the command
	@$(BIN)/python -m latchkey.cli.reference docs/reference/cli.md

schema: $(VENV)/installed-dev ## write the schema that new migrations create; needs PostgreSQL
	@$(BIN)/python -m tests.support.schema

lock: $(VENV)/installed-dev ## compile requirements.txt and the other locks from pyproject.toml
	@$(LOCK) pyproject.toml --extra server --output-file requirements.txt
	@$(LOCK) pyproject.toml $(addprefix --extra ,$(LOCKED_EXTRAS)) --group dev --constraint requirements.txt --output-file requirements-dev.txt
	@$(LOCK) --group openapi --output-file requirements-openapi.txt
	@$(LOCK) --group go --output-file requirements-go.txt
	@$(LOCK) --group docs --output-file requirements-docs.txt

##@ Build

dist: $(VENV)/installed-dev ## build the wheels latchkey and latchkey-server into dist/
	@$(BIN)/python -m deploy.wheels

docs: $(DOCS)/installed ## build the documentation as a site into site/VERSION, with search and a Markdown twin of each page
	@$(DOCS)/bin/python -m deploy.docs

##@ Check before a release

checks: $(VENV)/installed-dev ## run the release checks of the source; ARGS="-k secrets" goes to pytest
	@$(BIN)/python -m tests tests/release --ignore=tests/release/image $(ARGS)

image: $(VENV)/installed-dev ## build the container image, with Docker or without; IMAGE names it, PYTHON_IMAGE its base
	@$(BIN)/python -m deploy.image.build

image-check: $(VENV)/installed-dev ## check the image IMAGE as it is; without IMAGE, build one first unless it is up to date
	@$(BIN)/python -m tests tests/release/image $(ARGS)

sbom: $(VENV)/installed-dev ## write the software bill of materials of the lock to build/sbom/
	@$(BIN)/python -m deploy.sbom

##@ Release

release-image: ## make image, on the base that .ci/base/Dockerfile pins by its digest
	@$(MAKE) --no-print-directory image PYTHON_IMAGE="$$(sed -n 's/^FROM //p' .ci/base/Dockerfile)"

release-check: ## check that the tree is ready to be released as VERSION=X.Y.Z
	@$(PYTHON) -m deploy.release check "$(VERSION)"

release-tag: ## check that the tag of VERSION=X.Y.Z is checked out and its commit is on main
	@$(PYTHON) -m deploy.release tag "$(VERSION)"

release-notes: ## print the changelog section of VERSION=X.Y.Z
	@$(PYTHON) -m deploy.release notes "$(VERSION)"

##@ Set up and clean up

packages: ## install the Debian packages of .ci/packages that are missing; uses sudo
	@.ci/install-packages

clean: ## remove the environment and the caches; the data in DATA_DIR stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build site

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(MINIMUM)".split("."))) and "latchkey: Python $(MINIMUM) or newer is needed; name one with PYTHON=...")'
	@echo "Making $(VENV)"
	@uv venv --quiet --seed --python "$$(command -v $(PYTHON))" $(VENV) 2>/dev/null || $(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt | $(VENV)/bin/python
	@echo "Installing what requirements.txt pins"
	@$(BIN)/python -m deploy.install requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt | $(VENV)/bin/python
	@echo "Installing what requirements-dev.txt pins"
	@$(BIN)/python -m deploy.install requirements-dev.txt
	@touch $@ $(VENV)/installed

$(DOCS)/installed: requirements-docs.txt
	@echo "Installing what requirements-docs.txt pins into $(DOCS)"
	@$(PYTHON) -m venv $(DOCS) && $(DOCS)/bin/python -m deploy.install requirements-docs.txt
	@touch $@
