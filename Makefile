# Verbs only: what each does stands in the suite itself. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
JOBS ?=
STUDY ?= quick
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= passive
export GOMP_SPINCOUNT ?= 0

.DEFAULT_GOAL := help
.PHONY: help run paper test lint lab explore docs benchmark checkpoint clean

help:  ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'
	@echo "  options: JOBS=4 (runs or tests at once), STUDY=mini (for paper), PYTHON=python3.12, VENV=.venv"

run: $(VENV)/ready  ## the study quick: every phase, scores, gains, report
	$(BIN)/xstilts run quick $(if $(JOBS),--jobs $(JOBS))

paper: $(VENV)/ready  ## the paper's tables and figures from a study: make paper STUDY=mini, outputs/mini/report/60_paper/
	$(BIN)/xstilts notebook 60_paper -p study $(STUDY)

test: $(VENV)/ready  ## the tests
	$(BIN)/python -m pytest -n $(or $(JOBS),auto) --dist worksteal tests

lint: $(VENV)/ready  ## style, formatting, types, floors, notebooks without outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/nbstripout --keep-id --verify notebooks/*.ipynb notebooks/lessons/*.ipynb

lab: $(VENV)/ready  ## JupyterLab on the notebooks
	$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 notebooks

explore: $(VENV)/ready  ## look into the results, or those kept in reference/, in a browser, on this machine alone: gains, test items, encoders, training
	$(BIN)/voila --Voila.ip=127.0.0.1 --Voila.auto_token=True notebooks/90_explore.ipynb

docs: $(VENV)/ready  ## the documentation as a site, without the network: site/index.html, with the reports of mini where outputs/ has them
	$(BIN)/sphinx-build -q -W --keep-going -E -d build/docs docs site

benchmark: $(VENV)/ready  ## speed against named peers: a table, outputs/benchmarks.json; fails below the goals (half an hour or more)
	$(BIN)/python -m benchmarks

checkpoint: $(VENV)/ready  ## make the phase 1 model that ships, again (an hour)
	$(BIN)/xstilts notebook 10_pretrain -p study checkpoint -p documents 20000 -p steps 30000 -p weights float16 --threads 1
	mkdir -p xstilts_core/mini/checkpoint
	cp outputs/checkpoint/pretrain/seed1/model/* xstilts_core/mini/checkpoint/
	rm -f xstilts_core/mini/checkpoint/language_head.safetensors
	cp outputs/checkpoint/pretrain/seed1/result.json xstilts_core/mini/checkpoint/provenance.json

clean:  ## remove results and caches (not the environment)
	find outputs -mindepth 1 ! -path outputs/README.md -delete
	rm -rf .snakemake .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .grimp_cache build site docs/made *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(VENV)/ready: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: Python 3.11 or newer is needed"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make run PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
