# One runner. Every target does the set-up it needs; variables pass through: make demo DETACH=1 PORT=8000
# (docs/configuration.md lists them).

PYTHON ?= python3
BIN := .venv/bin
FILES ?=

# What reads the settings without serving anybody needs values, not servers.
SETTINGS := ENV_FILE=/dev/null SECRET_KEY=unused DATABASE_URL=postgresql:///unused BROKER_URL=memory://

.DEFAULT_GOAL := help
.PHONY: help setup browser demo stop test conformance fuzz check lint types layers format bench bench-runs pages imports sameness messages audit tour accessibility

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv from requirements.lock (nothing to do when it is current)
	@$(PYTHON) local/environment.py

browser: ## Find or install the Chromium of the page tests
	@$(PYTHON) local/environment.py --browser

demo: setup ## Start everything with two sandbox hospitals and print the addresses (DETACH=1: in the background)
	@$(BIN)/python -m local.demo up

stop: ## End what `make demo` started
	@test ! -x $(BIN)/python || $(BIN)/python -m local.demo down

test: browser ## Run all tests (FILES=tests/consent for some)
	@$(BIN)/python -m pytest --numprocesses=auto --no-loadscope-reorder $(FILES)

conformance: setup ## Show every clause of the specifications, write docs/conformance.md and docs/validation.md
	@$(BIN)/python -m tests.conformance

fuzz: setup ## 20,000 hostile requests, thousands of random consents and searches, faults, kills and outages
	@$(BIN)/python -m pytest --numprocesses=auto --no-loadscope-reorder --thorough -q tests/fuzz \
		tests/conformance/test_gate_oracle.py tests/conformance/test_leaks_everywhere.py \
		tests/sync/test_fault_schedules.py tests/sync/test_killed.py tests/sync/test_outages.py \
		tests/journeys/test_every_person.py; status=$$?; cat var/fuzz.txt; exit $$status

check: setup ## Formatting, lint, types, import rules, migrations
	@$(BIN)/ruff format --check --quiet .
	@$(MAKE) --no-print-directory lint types layers
	@$(SETTINGS) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@$(SETTINGS) SECRET_KEY=$$(head -c 40 /dev/urandom | od -An -tx1 | tr -d ' \n') PUBLIC_URL=https://record.example \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

lint: setup ## Lint only
	@$(BIN)/ruff check --quiet .

types: setup ## Types only
	@$(SETTINGS) $(BIN)/mypy

layers: setup ## Import rules only
	@$(BIN)/lint-imports

format: setup ## Format the code and put imports in order
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --quiet --select I --fix .

accessibility: browser ## Every page by axe-core and by keyboard, write docs/accessibility.md
	@WRITE=yes $(BIN)/python -m pytest -n0 -q --thorough tests/architecture/test_accessibility.py -k documentation

tour: browser ## Take the pictures of docs/tour.md from the demo that is running
	@$(BIN)/python -m local.tour

bench: setup ## Measure, as ratios to bare PostgreSQL and Django in the same run
	@$(BIN)/python -m benchmarks

bench-runs: setup ## Pull 1,000 connections at once: time, memory and budgets, into docs/benchmarks.md
	@$(BIN)/python -m benchmarks.runs

pages: setup ## Walk every page of hers and of a visit at 300, 30,000 and 300,000 records, write docs/pages.md
	@$(BIN)/python -m benchmarks.pages

audit: setup ## Known weaknesses of what requirements.lock names (ADVISORIES=all.zip: OSV's list, without a network)
	@$(BIN)/python -m local.advisories $(ADVISORIES)

imports: setup ## Read every document of the public sets as an upload does, write docs/imports.md
	@$(BIN)/python -W ignore::RuntimeWarning -m tests.imports

sameness: setup ## Precision and recall of what is found to be the same, write docs/sameness.md
	@$(BIN)/python -m tests.records.sameness

messages: setup ## Gather the texts to translate and compile the catalogues
	@$(PYTHON) local/environment.py --gettext
	@$(SETTINGS) $(BIN)/python manage.py makemessages --all --no-location --ignore=.venv --ignore=var
	@$(SETTINGS) $(BIN)/python manage.py compilemessages --ignore=.venv
