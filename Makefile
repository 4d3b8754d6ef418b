.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "firebreak needs Python 3.11 or later: make PYTHON=python3.12 setup"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { echo "this Python can't make virtual environments: on Debian and Ubuntu, apt-get install python3-venv"; exit 2; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: $(STAMP) ## .venv with firebreak in it, from the lock

.PHONY: lock
lock: $(STAMP) ## renew the lock files from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --extra archive --extra registry --extra console --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --group dev --output-file requirements-dev.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --group build --output-file requirements-build.lock

.PHONY: check
check: $(STAMP) ## lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# a shell starts what is beside it deaf to Ctrl-C, which tests of Ctrl-C would inherit
ANEW := import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])
PARTS := $(wildcard tests/integration tests/faults tests/browser)
.PHONY: test
test: check ## what CI runs: what starts servers and waits for them, and beside it what only computes
	@mkdir -p build
	@$(BIN)/python -c "$(ANEW)" $(BIN)/pytest -o cache_dir=build/parts-cache $(PARTS) > build/test-parts.log 2>&1 & parts=$$!; \
	$(BIN)/pytest $(PARTS:%=--ignore=%); rest=$$?; \
	wait $$parts; parts=$$?; cat build/test-parts.log; exit $$((rest | parts))

.PHONY: demo
demo: $(STAMP) ## a made-up London through the real stages: ARGS="--for 60s --json -"
	@$(BIN)/firebreak demo $(ARGS)

.PHONY: bench
bench: $(STAMP) ## what an event costs, beside a plain loop: ARGS="--events 200000 --json -"
	@$(BIN)/firebreak bench $(ARGS)

NODES ?= 1
.PHONY: kafka
kafka: $(STAMP) ## a real Kafka in the foreground (needs Java 17 and Maven): NODES=1 or 3
	@PYTHONPATH=tests $(BIN)/python -m support.kafka --nodes $(NODES)

.PHONY: pages
pages: $(STAMP) ## renew the pages of docs/ that are made from the code
	PYTHONPATH=tests $(BIN)/python -m support.pages

SEEDS ?= 1000
SEED_FROM ?= 0
.PHONY: sim
sim: $(STAMP) ## deterministic simulation: SEEDS=1000 SEED_FROM=0
	PYTHONPATH=tests $(BIN)/python -m support.simulation.run --seeds $(SEEDS) --from $(SEED_FROM)

POINTS ?= 100
.PHONY: notifier-kills
notifier-kills: $(STAMP) ## the notifier killed at random steps, its messages counted: POINTS=100
	POINTS=$(POINTS) NOTIFIER_KILLS_OUT=notifier-kills.json $(BIN)/pytest -q -o timeout=3600 tests/faults/test_notifier_kills.py
	@cat notifier-kills.json

.PHONY: contracts
contracts: $(STAMP) ## schemas, AsyncAPI, rules, routes, dashboards, manifests, links: a line a check
	@PYTHONPATH=tests $(BIN)/python -m support.contracts

.PHONY: dashboards
dashboards: $(STAMP) ## renew the dashboards from deploy/grafana/boards.yml
	$(BIN)/python deploy/grafana/build.py

ONLY ?=
REPEAT ?= 1
.PHONY: faults
faults: $(STAMP) ## every fault on a real Kafka, figures into faults.jsonl: ONLY=word REPEAT=3 ARGS="--seed 7 --short"
	PYTHONPATH=.:tests $(BIN)/python -m support.faults --only "$(ONLY)" --repeat $(REPEAT) $(ARGS)

MINUTES ?= 30
.PHONY: faults-long
faults-long: $(STAMP) ## random faults for a long time, the expected state beside: MINUTES=30 ARGS="--seed 7"
	PYTHONPATH=.:tests $(BIN)/python -m support.faults.mixed --minutes $(MINUTES) $(ARGS)

.PHONY: manifests
manifests: $(STAMP) ## renew what the catalogue of topics decides for Kubernetes
	$(BIN)/python deploy/kubernetes/build.py

.PHONY: subscribe
subscribe: $(STAMP) ## the subscriber's samples against a real Kafka, and schemas in a real registry
	$(BIN)/pytest tests/integration/test_subscribe.py tests/integration/test_registry.py

.PHONY: faults-table
faults-table: $(STAMP) ## the figures of faults.jsonl into docs/reliability.md and README.md
	PYTHONPATH=.:tests $(BIN)/python -m support.faults.table faults.jsonl

.PHONY: platform
platform: ## docker-compose.yml for real: up, healthy, an incident through, down (needs a Docker engine)
	@deploy/platform.sh

.PHONY: browser
browser: $(STAMP) ## every page and action in a real browser: browser.jsonl, build/screenshots (needs chromium, redis-server)
	BROWSER_OUT=browser.jsonl $(BIN)/pytest -q tests/browser
	@$(BIN)/python -c 'import sys; lines = open("browser.jsonl").read().splitlines(); print(len(lines), "looks at pages, see browser.jsonl and build/screenshots")'

MINUTES_OF_FUZZ ?= 10
.PHONY: fuzz
fuzz: $(STAMP) ## bad bytes to everything that reads bytes: MINUTES=10
	PYTHONPATH=.:tests $(BIN)/python -m support.fuzz --minutes $(if $(filter command line,$(origin MINUTES)),$(MINUTES),$(MINUTES_OF_FUZZ)) $(ARGS)

.PHONY: sbom
sbom: $(STAMP) ## bill of materials of what is installed: build/sbom.json (CycloneDX)
	@mkdir -p build
	PYTHONPATH=tests $(BIN)/python -m support.supply bill build/sbom.json

.PHONY: audit
audit: $(STAMP) ## known vulnerabilities of what the lock names (needs the network)
	@$(BIN)/uv tool run --quiet pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock
