# Two targets a newcomer needs: `make demo` and `make test`. `make install` is run by both when needed.
# ARGS are passed on: make demo ARGS="--loops 3 --format json"
.PHONY: install demo test lint docs lock clean
.DEFAULT_GOAL := demo

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
BIN := .venv/bin
# Two at a time: the tests of a real Airflow wait more than they compute.
JOBS ?= 2
INSTALLED := .venv/.installed

install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml tools/install.sh
	@PYTHON="$(PYTHON)" sh tools/install.sh

demo: $(INSTALLED)
	@exec $(BIN)/peach demo $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(INSTALLED) lint
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

docs: $(INSTALLED)
	$(BIN)/python -m airflow_peach.cli.reference docs/commands.md

lock:
	$(BIN)/uv pip compile --universal --generate-hashes --all-extras --no-emit-index-url --no-header \
	  --no-annotate --python-version 3.11 pyproject.toml -o requirements.lock

clean:
	rm -rf .venv
