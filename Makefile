# Each target does its own set-up; `make` alone lists them. PYTHON=python3.12 make setup chooses another Python.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check -qq
READY := $(VENV)/.ready
DEMO_READY := $(VENV)/.demo-ready
DOCS_READY := $(VENV)/.docs-ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check docs screenshots bench soak weights audit lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with exactly what was tested (again only when the lock or pyproject.toml changed)

demo: $(DEMO_READY) ## sharpen a real series of seven dates; results in demo/output
	$(VENV)/bin/dione demo

test: $(READY) ## run the tests, a process a core and four at most; ARGS="-k name" passes on to pytest
	$(VENV)/bin/pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

check: $(READY) ## lint, format, types, and who may import whom
	scripts/check

docs: $(DOCS_READY) ## build the documentation site from docs/ into site/, links checked; a warning fails
	rm -rf site
	$(VENV)/bin/zensical build --strict

screenshots: $(READY) ## remake the screenshots of docs/ from the demo's output, in this machine's Chromium
	$(VENV)/bin/python scripts/screenshots.py demo/output docs/pictures

bench: $(READY) ## speed and memory against HighRes-Net, of prediction, training, building and reading, as JSON in runs/bench (under 15 minutes)
	mkdir -p runs/bench
	$(VENV)/bin/python benchmarks/prediction.py | tee runs/bench/prediction.json
	$(VENV)/bin/python benchmarks/cost.py runs/bench/prediction.json --plot runs/bench/cost.svg
	$(VENV)/bin/python benchmarks/training.py | tee runs/bench/training.json
	$(VENV)/bin/python benchmarks/building.py | tee runs/bench/building.json
	$(VENV)/bin/python benchmarks/reading.py | tee runs/bench/reading.json

soak: $(READY) ## try what can go wrong for an hour and a half: kills, full disks, damaged inputs, long runs; the figures of docs/reliability.md
	$(VENV)/bin/python benchmarks/soak.py --page docs/reliability.md

weights: $(READY) ## remake the weights that ship from a folder of imagery: make weights DATA=FOLDER
	@test -d "$(DATA)" || { echo "make weights: name the folder of imagery that recipes/simulate.toml reads: make weights DATA=FOLDER" >&2; exit 1; }
	$(VENV)/bin/dione dataset simulate recipes/simulate.toml --data "$(DATA)" -o runs/patches
	$(VENV)/bin/dione train recipes/setsr-s.toml -v
	$(VENV)/bin/dione evaluate runs/setsr-s/setsr-s.safetensors runs/patches -o runs/setsr-s/scores

audit: $(READY) ## ask for known faults of what is locked (pip-audit, in an environment of its own; needs the network)
	@test -x .audit/bin/pip-audit || { $(PYTHON) -m venv .audit && .audit/bin/python -m pip --disable-pip-version-check -qq install 'pip-audit>=2.7'; }
	.audit/bin/pip-audit --disable-pip --no-deps -r locks/requirements.txt
	.audit/bin/pip-audit --disable-pip --no-deps -r locks/torch.txt

lock: ## remake locks/requirements.txt and locks/docs.txt after a change of dependencies
	PYTHON=$(PYTHON) scripts/lock

clean: ## remove .venv, the demo's output and every cache
	rm -rf $(VENV) .audit demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The lock comes first, so that torch finds its own dependencies installed and brings nothing else along but what a
# CUDA build needs, if that is the only build that pip is offered on this machine.
$(READY): locks/requirements.txt locks/torch.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "make setup: found $$($(PYTHON) --version 2>/dev/null || echo "no '$(PYTHON)'"), needs Python 3.11 or newer"; \
	  echo "name one with e.g. PYTHON=python3.11 make setup"; exit 1; } >&2
	@echo "setting up $(VENV): a few minutes the first time"
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-deps --require-hashes -r locks/requirements.txt
	@$(PIP) install -r locks/torch.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(DEMO_READY): $(READY) locks/demo.txt
	@echo "fetching the demo's images"
	@$(PIP) install --no-deps --no-build-isolation --require-hashes -r locks/demo.txt
	@touch $@

$(DOCS_READY): $(READY) locks/docs.txt
	@echo "fetching what builds the pages"
	@$(PIP) install --no-deps --require-hashes -r locks/docs.txt
	@touch $@
