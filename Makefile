# SPDX-License-Identifier: Apache-2.0
# The commands of the project. VENV chooses the virtual environment, PYTHON the interpreter for it.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# linters call their helpers by name
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: build demo test verify bench lint docs

# Installed in place: edits count at once.
$(INSTALLED): pyproject.toml setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

# Compiles the kernels that have changed; honours ABM_DEBUG, ABM_SANITIZE, ABM_OPENMP and ABM_TRACE (see setup.py).
build: $(INSTALLED)
	$(BIN)/python setup.py --quiet build_ext --inplace

demo: build
	$(BIN)/abm run scenarios/grupp2013_patient2.yaml -o patient2.h5
	$(BIN)/abm play patient2.h5 -o patient2.mp4

test: build
	$(BIN)/python -m pytest

verify: build
	$(BIN)/python -m pytest -m verify

# One JSON line per measurement.
bench: build
	for script in benchmarks/*.py; do $(BIN)/python "$$script" || exit 1; done

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/cython-lint abm/_kernels
	$(BIN)/lint-imports
	$(BIN)/mypy

# The docs are plain Markdown; this runs the examples in them.
docs: build
	$(BIN)/python -m pytest --doctest-glob='*.md' docs README.md
