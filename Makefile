# Every target that needs .venv builds it first when it is missing or older than the lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FAST := not slow and not gpu

export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help setup format format-check lint types imports sizes spell audit audit-online check \
        test test-slow test-gpu coverage faults mutants demo bench compare clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	@echo "Preparing $(VENV) (about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq -r requirements.lock
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(READY)  ## create .venv with everything pinned in requirements.lock
	@echo "$(VENV) is ready"

format: $(READY)  ## rewrite the code in house style
	@$(BIN)/ruff check -q --select I --fix .
	@$(BIN)/ruff format .

format-check: $(READY)
	@$(BIN)/ruff format --check .

lint: $(READY)  ## ruff's rules
	@$(BIN)/ruff check .

types: $(READY)  ## mypy, strict, over src
	@$(BIN)/mypy

imports: $(READY)  ## who may import whom
	@$(BIN)/lint-imports --no-logo

sizes: $(READY)  ## file, function, class and room sizes
	@$(BIN)/python tools/check_sizes.py

spell: $(READY)
	@$(BIN)/codespell

audit: $(READY)  ## dependencies: declared, locked, installed and imported agree; licenses
	@$(BIN)/deptry src
	@$(BIN)/deptry . --ignore DEP004
	@$(BIN)/python -m pip check
	@$(BIN)/python -m tools.audit

audit-online: $(READY)  ## known vulnerabilities of what is locked; asks PyPI, so not part of check
	@$(PYTHON) -m venv build/audit
	@build/audit/bin/python -m pip install -qq pip-audit==2.10.1
	@build/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement requirements.lock

check: format-check lint types imports sizes spell audit test  ## all of the checks: what CI runs

test: $(READY)  ## unit and integration tests and doctests
	@$(BIN)/pytest --no-header -n 2 -m "$(FAST)"

test-slow: $(READY)  ## tests over 5 seconds each
	@$(BIN)/pytest --no-header -n 2 -m "slow and not gpu"

test-gpu: $(READY)  ## tests that need an accelerator
	@$(BIN)/pytest --no-header -m gpu

coverage: $(READY)  ## branch coverage, at least 95 %
	@$(BIN)/pytest --no-header -n 2 -m "$(FAST)" --cov

demo: $(READY)  ## grow two small networks on digits, by rules and by a trained controller
	@$(BIN)/tamiyo grow --task digits-canvas --controller heuristic --seed 0 --out runs/demo --overwrite
	@$(BIN)/tamiyo grow --task digits-cnn --controller learned --seed 0 --out runs/demo-learned --overwrite

faults: $(READY)  ## plant every fault of tests/faults and see that it is caught
	@$(BIN)/python -m tools.faults

mutants: $(READY)  ## change the source at random and count what no test notices
	@$(BIN)/python -m pip install -qq --target build/mutation cosmic-ray==8.7.0
	@PYTHONPATH=build/mutation $(BIN)/python -m tools.mutants --out docs/results/mutants.json

bench: $(READY)  ## time the parts that runs spend their time in
	@set -e; for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

compare: $(READY)  ## print the README's comparison table
	@$(BIN)/tamiyo compare --task digits-canvas --controllers wait-only,random-legal,heuristic --seeds 40 --engine sequential

clean:  ## remove caches and build products; keeps .venv and runs
	@rm -rf build dist src/*.egg-info .coverage .coverage.* htmlcov
	@rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find src tests tools -type d -name __pycache__ -prune -exec rm -rf {} +
