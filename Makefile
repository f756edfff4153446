# `make` runs the whole workflow on the embedded data, `make test` the tests; `make help` lists all targets.
#
#   make CONFIG=config/digits-full.yaml           another configuration (for `make` and `make plan`)
#   make OPTIONS="--resources gpu=4" CORES=16     options for Snakemake
#   make LOGGER=                                  Snakemake's plain log, with the text of every job's rule
#   make PYTHON=/path/to/python3                  this Python instead of the newest found

CONFIG ?=
CORES ?= all
OPTIONS ?=
LOGGER ?= rich
PYTHON ?=
TESTS ?=
SIDE_BY_SIDE := --numprocesses logical --maxprocesses 8

BIN := .venv/bin/python -m
SNAKEMAKE = $(BIN) snakemake $(if $(CONFIG),--configfile $(CONFIG))
# One page, or a ZIP of files where the figures and tables in it have more than 50 MB, which browsers are slow to open.
LARGE ?= 50000000
REPORT = results/report.$$([ "$$(cat results/figures/*/*.png results/tables/*/*.csv 2> /dev/null | wc -c)" -le $(LARGE) ] && echo html || echo zip)
# A progress bar, but only on a terminal (it does not list jobs elsewhere) and not on a cluster (it does not report failed groups). Into a
# file, a line for every job that is done.
ELSEWHERE = $(filter --profile% --executor% -e,$(OPTIONS))$(SNAKEMAKE_PROFILE)
PROGRESS = $(if $(LOGGER),$(if $(ELSEWHERE),,$$([ -t 2 ] && echo --logger $(LOGGER) || echo --quiet rules)))

.PHONY: all advice test test-cluster benchmarks plan lint format environment cluster lock clean help
.NOTPARALLEL:
.DEFAULT_GOAL := all

all: environment ## Run the workflow and write its report
	@$(if $(CONFIG),$(BIN) spurprune.config.reading $(CONFIG)) # before Snakemake, whose own reader is neither strict nor bounded
	@$(SNAKEMAKE) --cores $(CORES) $(PROGRESS) $(OPTIONS)
	@$(SNAKEMAKE) --cores 1 --report $(REPORT) --quiet all
	@echo
	@echo "Figures: $$(ls -d results/figures/*/ | tr '\n' ' ')"
	@echo "Tables:  $$(ls -d results/tables/*/ | tr '\n' ' ')"
	@echo "Report:  $(REPORT)"

advice: environment ## Say which samples of your own data to drop, if any, and why (CONFIG=my.yaml)
	@$(if $(CONFIG),$(BIN) spurprune.config.reading $(CONFIG))
	@$(BIN) snakemake advice $(if $(CONFIG),--configfile $(CONFIG)) --cores $(CORES) $(PROGRESS) $(OPTIONS)
	@echo
	@echo "Advice: $$(ls results/advice/*/index.html | tr '\n' ' ')"

test: environment ## Run all tests, the quick ones first (TESTS="tests/unit -k name" runs some)
	@$(BIN) pytest $(or $(TESTS),tests/unit $(SIDE_BY_SIDE))
	$(if $(TESTS),,@$(BIN) pytest tests/workflow $(SIDE_BY_SIDE) --dist worksteal)

test-cluster: cluster ## Test the workflow on a throw-away Slurm of two nodes on this machine (Debian, Ubuntu; as root or with sudo)
	@$(BIN) pytest -rs $(or $(TESTS),tests/cluster)

benchmarks: environment ## Measure speed and memory on an otherwise idle machine (see benchmarks/README.md)
	$(BIN) benchmarks.training
	$(BIN) benchmarks.el2n
	$(BIN) benchmarks.tables
	$(BIN) benchmarks.evaluation
	$(BIN) benchmarks.storage
	$(BIN) benchmarks.memory
	$(BIN) benchmarks.planning
	$(BIN) benchmarks.report

plan: environment ## Print the jobs, training runs and estimated hours of every setting; needs no data
	@$(BIN) spurprune.dag.planning $(if $(CONFIG),--configfile $(CONFIG))

lint: environment ## Check style, formatting, types and rules
	$(BIN) ruff check .
	$(BIN) ruff format --check .
	$(BIN) snakefmt --check Snakefile workflow
	$(BIN) mypy
	$(BIN) snakemake --lint

format: environment ## Format the code and the rules
	$(BIN) ruff check --fix-only .
	$(BIN) ruff format .
	$(BIN) snakefmt Snakefile workflow

environment: ## Set up .venv from requirements.lock, unless it is up to date
	@sh envs/venv.sh "$(PYTHON)"

cluster: environment ## Add Snakemake's cluster executors to .venv, from requirements-cluster.lock
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check \
		--requirement requirements-cluster.lock --constraint requirements.lock

lock: FROZEN = .venv/lock/bin/python -m pip freeze --all --exclude pip | sed -E '/^(cuda-|nvidia-|triton)/s/$$/ ; sys_platform == "linux"/'
lock: environment ## Pin the newest versions that requirements*.in allow
	.venv/bin/python -m venv --clear .venv/lock
	.venv/lock/bin/python -m pip install --quiet --requirement requirements.in --requirement requirements-dev.in
	(head -n 1 requirements.lock && $(FROZEN)) > .venv/requirements.lock
	mv .venv/requirements.lock requirements.lock
	.venv/lock/bin/python -m pip install --quiet --requirement requirements-cluster.in --constraint requirements.lock
	(head -n 1 requirements-cluster.lock && $(FROZEN) | grep -vxF -f requirements.lock) > .venv/requirements-cluster.lock
	mv .venv/requirements-cluster.lock requirements-cluster.lock
	rm -rf .venv/lock

clean: ## Remove the environment and all caches, but not results, logs or Snakemake's records of them
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find spurprune benchmarks tests workflow -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1 \t\2/p' Makefile | expand -t 22
