# One word for each thing a person does here. `make` alone lists them.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON := .venv/bin/python
KILLS ?= 60
FRAMES ?= 1000000
SEED ?= 1
GENERATED_TESTS = $(PYTHON) -m pytest -q -s -o faulthandler_timeout=0 tests/reliability/test_generated.py \
  tests/orders/test_interleavings.py tests/orders/test_parallel_accept.py
BOOTSTRAP = python="$$(scripts/find-python)" && "$$python" scripts/prepare.py

.PHONY: help run sim migrate test browser-test crash-test chaos seeded-bugs generated-test sim-interop sim-fuzz bench check format lock clean venv venv-dev

help:  ## list these targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

run: venv  ## from nothing but Python 3.11 to a running bridge
	@exec $(PYTHON) manage.py run_standalone

sim: venv  ## only the simulator: python -m apps.simulator
	@exec $(PYTHON) -m apps.simulator

migrate: venv  ## bring the database to the newest schema
	@$(PYTHON) manage.py migrate

test: venv-dev  ## all suites, on SQLite and on PostgreSQL + Redis, with a summary
	@$(PYTHON) scripts/suites.py

browser-test: venv-dev  ## only the pages, in a real browser
	@$(PYTHON) scripts/suites.py browser

bench: venv-dev  ## measure speed and memory; ONLY=sim_ticks one bench, QUICK=1 a smoke test, ROUNDS=9 more of them
	@$(PYTHON) -m bench $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick) $(if $(ROUNDS),--rounds $(ROUNDS))

sim-interop: venv-dev  ## unmodified clients of other makers against the simulator; prints client × version × step
	@$(PYTHON) scripts/interop.py $(CLIENT)

sim-fuzz: venv-dev  ## a million spoilt frames against the simulator: FRAMES=1000000 SEED=1
	@$(PYTHON) -m tests.simulator.fuzz --frames $(FRAMES) --seed $(SEED)

crash-test: venv-dev  ## kill the product at every named point: KILLS=60, on SQLite and PostgreSQL
	@$(PYTHON) -m tests.reliability.crash --kills $(KILLS)
	@scripts/system-deps postgresql redis
	@$(PYTHON) scripts/services.py -- $(PYTHON) -m tests.reliability.crash --kills $(KILLS)

generated-test: venv-dev  ## sequences of everything that can happen to orders, an hour: GENERATED_SEED=1 the same again
	@GENERATED=nightly $(GENERATED_TESTS)
	@scripts/system-deps postgresql redis
	@GENERATED=nightly GENERATED_EXAMPLES=200 GENERATED_ROUNDS=500 $(PYTHON) scripts/services.py -- $(GENERATED_TESTS)

chaos: venv-dev  ## every order row of the fault matrix with full counts, hours: ROWS="5 12" only these
	@scripts/system-deps postgresql redis
	@$(PYTHON) scripts/services.py -- $(PYTHON) -m tests.reliability.matrix $(ROWS)

seeded-bugs: venv-dev  ## put 20 bugs in one by one and see each caught: BUG=pause-guard-skipped only that one
	@$(PYTHON) -m tests.reliability.seeded $(BUG)

check: venv-dev  ## lint, format, types, contracts, templates, migrations
	@$(PYTHON) scripts/checks.py

format: venv-dev  ## let ruff and djlint rewrite what they can
	@.venv/bin/ruff check --fix --quiet . || true
	@.venv/bin/ruff format .
	@.venv/bin/djlint templates apps --reformat --quiet || true

lock: venv  ## pin requirements*.in again into requirements*.txt
	@$(PYTHON) scripts/lock.py

clean:  ## remove .venv and caches; var/ with its database stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis staticfiles
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

venv:
	@$(BOOTSTRAP)

venv-dev:
	@$(BOOTSTRAP) --dev
