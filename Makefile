# Every target sets up what it needs in .venv first; the second time that costs a moment.

PYTHON ?= python3
VENV := .venv/bin
# pytest keeps what it compiles of the tests, also where other processes may not.
PYTEST := PYTHONDONTWRITEBYTECODE= $(VENV)/python -m pytest
#: Test processes; two of them suit two cores. A third one fills the time that they wait, but then tests of faults run out of theirs.
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test soak fuzz check lint format bench docs screenshots build clean

help: ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: ## make .venv with everything in it
	@$(PYTHON) bootstrap.py

demo: setup ## the main job on a real film; FILM=path takes your own
	@$(VENV)/python demo/demo.py $(if $(FILM),--film "$(FILM)")

test: setup ## the whole suite
	@$(PYTEST) -n $(JOBS) --dist worksteal

soak: setup ## fault, race and volume tests at full count; N=count SEED=seed
	@AMBER_SOAK=1 $(if $(N),AMBER_SOAK_COUNT=$(N)) $(if $(SEED),AMBER_SOAK_SEED=$(SEED)) $(PYTEST) -m soak -n $(JOBS) --dist worksteal --timeout 3600

fuzz: setup ## damaged films through the sandbox; MINUTES=20 SEED=seed
	@$(VENV)/python -m tests.jasper.fuzz --minutes $(or $(MINUTES),20) $(if $(SEED),--seed $(SEED))

check: lint ## lint, types, imports, and the tests that need no server
	@$(PYTEST) -n $(JOBS) --dist worksteal tests/unit tests/engine tests/architecture

lint: setup ## ruff, mypy, import-linter
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy
	@$(VENV)/lint-imports

format: setup ## rewrite the source in one style
	@$(VENV)/ruff check --fix-only .
	@$(VENV)/ruff format .

bench: setup ## the benchmarks, into benchmarks/RESULTS.md
	@$(VENV)/python -m benchmarks

docs: setup ## write docs/reference and the script of new catalogues from the code
	@$(VENV)/python migrations/gathered.py
	@$(VENV)/python docs/generate.py

screenshots: setup ## every page, dark and light, wide and narrow
	@$(VENV)/python -m tests.pages.screenshots

build: setup ## the wheel, in dist
	@$(VENV)/python -m build --wheel --no-isolation

clean: ## remove what these targets made; the film and your AMBER_HOME stay
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
