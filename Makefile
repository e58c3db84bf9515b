# Two commands do all set-up themselves: `make demo` and `make test`. Python 3.11 or newer is all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIN := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: help demo test quick faults campaign soak peers lint types format docs chart lock clean bench profile apiserver image compose

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.12, say")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)  ## the whole house on this machine: broker, endpoint, processor, events
	@$(BIN)/webhook-processor demo $(ARGS)

test: $(STAMP)  ## the whole suite, with linters, types and a real Apache Kafka
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests $(ARGS)

quick: $(STAMP)  ## linters, types and the unit tests that cost little: some 20 seconds
	@$(BIN)/python -m tests.quick $(ARGS)

faults: $(STAMP)  ## every fault of the fault suite, the campaign and the soak: some 100 minutes
	FAULTS=long $(BIN)/python -m pytest tests/faults
	FAULTS=long $(BIN)/python -m pytest -m long --ignore=tests/faults
	$(BIN)/python -m tests.faults.campaign
	$(BIN)/python -m tests.faults.soak

campaign: $(STAMP)  ## a million events under 200 kills; ARGS="--events 20000 --kills 10" for less
	$(BIN)/python -m tests.faults.campaign $(ARGS)

soak: $(STAMP)  ## memory over half an hour of a slow endpoint; ARGS="--minutes 5" for less
	$(BIN)/python -m tests.faults.soak $(ARGS)

peers: $(STAMP)  ## build the programs that the benchmark compares with: needs Go 1.26, Java 17, Maven
	$(BIN)/python -m tests.benchmarks.peers

bench: $(STAMP)  ## what an event costs, here and elsewhere; ARGS="--scenarios S1 --runs 1" for less
	@$(BIN)/python -m tests.benchmarks $(ARGS)

profile: $(STAMP)  ## where the time goes: a flame graph of the benchmark's first scenario
	@$(BIN)/python -m tests.benchmarks.profile $(ARGS)

lint: $(STAMP)  ## ruff
	$(BIN)/ruff check .

types: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

format: $(STAMP)  ## put every file in the project's layout
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP)  ## write what is generated: tables of docs/, dashboard, the chart's schema and README
	$(BIN)/python -m tests.docs

chart: $(STAMP)  ## pack the Helm chart into dist/
	@$(BIN)/python -m tests.packaging.helm

lock: $(STAMP)  ## pin the tree anew, and of it what the image is built with
	$(PIN) --upgrade --group dev --extra formats --extra keys --extra tracing pyproject.toml --output-file requirements.lock
	$(PIN) --constraint requirements.lock --extra formats --extra keys --extra tracing pyproject.toml --output-file deploy/requirements.lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
		| $(PIN) --constraint requirements.lock - --output-file deploy/build.lock

apiserver: $(STAMP)  ## build a real Kubernetes API server for the tests of the chart: needs Go 1.26, takes a while
	$(BIN)/python -m tests.packaging.helm.apiserver

image:  ## build the container image; needs Docker
	docker build -f deploy/Dockerfile -t kafka-webhook-processor .

compose:  ## the whole house in containers: Kafka, processor, endpoint, events, Prometheus, Grafana
	docker compose -f deploy/docker-compose.yml up --build $(ARGS)

clean:  ## remove what was made here
	rm -rf $(VENV) .cache .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
