# Everything is set up inside .venv, from pinned packages. `make` alone lists the targets.

# A finished .venv fixes the Python; without one it is python3, or `make test PYTHON=python3.13`.
ifndef PYTHON
PYTHON := $(if $(and $(wildcard .venv/.python-*),$(realpath .venv/bin/python)),.venv/bin/python,python3)
endif

# "new 3.13.0" or "old 3.11.7"; nothing if it does not run.
FOUND := $(shell $(PYTHON) -c 'import sys; v = sys.version_info; \
	print("%s %d.%d.%d" % ("new" if v >= (3, 12) else "old", v[0], v[1], v[2]))' 2>/dev/null)
VERSION := $(word 2,$(FOUND))
TOO_OLD = bayeslaw needs Python 3.12 or newer; $(PYTHON) $(if $(FOUND),is $(VERSION),does not run). \
Install one, or name it: make $(or $(firstword $(MAKECMDGOALS)),test) PYTHON=python3.13

# Packages are compiled when first imported: pip would take half a minute to compile them all.
PIP := .venv/bin/python -m pip install -qq --no-compile --no-input --disable-pip-version-check
unexport PYTHONDONTWRITEBYTECODE

# The pinned jaxlib runs on the CPU; without this it looks for a GPU and warns where it finds one.
JAX_PLATFORMS ?= cpu
export JAX_PLATFORMS

MADE := .venv/.python-$(basename $(VERSION))
RUNTIME := .venv/.runtime
DEV := .venv/.dev
BENCH := .venv/.bench
DOCS := .venv/.docs
PEERS := chinchilla mixle simple-scaling-laws

.PHONY: help demo test lint format types notebooks browser packaging docs bench guard setup pins clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(RUNTIME) ## set up, then simulate, fit and report: the main job on the built-in example
	@.venv/bin/bayeslaw demo

test: $(DEV) ## set up, then run the tests
	@.venv/bin/pytest -n 2 --dist worksteal

lint: $(DEV) ## check style and docstrings
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

format: $(DEV) ## rewrite the code in the common style
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

types: $(DEV) ## check type annotations
	@.venv/bin/mypy

notebooks: $(DEV) ## execute the notebooks, with short runs
	@.venv/bin/python notebooks/run.py --quick

# Pages of the documentation are opened too where `make docs` has built them, as .ci/run does first.
# Chromium is no Python package: .ci/browser installs it in CI, and make leaves the system alone.
browser: $(DEV) ## check reports and built docs in Chromium, which has to be there; screenshots in build/browser
	@.venv/bin/python tests/browser.py --out build/browser \
	  $(if $(wildcard build/docs/html/index.html),--docs build/docs/html)

packaging: $(DEV) ## check that the law cards are found from wheel, editable install and checkout
	@.ci/packaging

docs: $(DOCS) ## build the documentation into build/docs/html; warnings and broken links are errors
	@.venv/bin/python docs/build.py

bench: $(BENCH) ## times against peers, floors and growing work, kept in benchmarks/results (40 minutes)
	@.venv/bin/python benchmarks/parts.py --out benchmarks/results/parts.md
	@.venv/bin/python benchmarks/side_by_side.py --out benchmarks/results/side_by_side.md
	@.venv/bin/python benchmarks/growth.py --out benchmarks/results/growth.md
	@.venv/bin/python benchmarks/accelerator.py --out benchmarks/results/accelerator.md

BASE ?= HEAD~1
guard: $(DEV) ## whether a commit is slower than another: make guard BASE=main~1
	@.venv/bin/python benchmarks/guard.py $(BASE) HEAD

setup: $(DEV) ## set up everything that working on bayeslaw needs

pins: ## choose new pins on this Python (take the oldest supported one: the rest can follow)
	$(if $(filter new,$(FOUND)),,$(error $(TOO_OLD)))
	@.ci/pins $(PYTHON)

clean: ## remove .venv and what the tools left behind
	@rm -rf .venv build dist bayeslaw.egg-info .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +

# Recreated where its Python no longer exists.
ifeq ($(realpath .venv/bin/python),)
.PHONY: $(MADE)
endif
$(MADE):
	$(if $(filter new,$(FOUND)),,$(error $(TOO_OLD)))
	@echo "Creating .venv with Python $(VERSION)"
	@$(PYTHON) -m venv --clear .venv
	@touch $@

$(RUNTIME): $(MADE) requirements.txt pyproject.toml
	@echo "Installing the pinned packages into .venv (about half a minute)"
	@$(PIP) -r requirements.txt -e .
	@.venv/bin/python -c 'import numpyro' & \
	 .venv/bin/python -c 'import arviz, matplotlib.pyplot' & wait
	@touch $@

$(DEV): $(RUNTIME) requirements-dev.txt
	@echo "Installing the pinned development tools into .venv"
	@$(PIP) -r requirements-dev.txt
	@touch $@

$(DOCS): $(DEV) requirements-docs.txt
	@echo "Installing the pinned documentation tools into .venv"
	@$(PIP) -r requirements-docs.txt
	@touch $@

# A peer that cannot be installed is left out, as the tables state.
$(BENCH): $(DEV) requirements-bench.txt
	@echo "Installing the pinned peers into .venv"
	@for peer in $(PEERS); do \
	  $(PIP) -c requirements-bench.txt $$peer || echo "$$peer cannot be installed; the rest goes on"; \
	done
	@touch $@
