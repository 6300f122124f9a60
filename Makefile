# SPDX-License-Identifier: Apache-2.0
# The commands of the project. VENV chooses the virtual environment, PYTHON the interpreter for it.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# linters call their helpers by name
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: build demo test verify bench lint docs site faults export-test cluster-test browser-test debug-test sanitize-test builds-test wheel coverage

# Installed in place: edits count at once.
$(INSTALLED): pyproject.toml setup.py
	@echo "installing into $(VENV) (1-2 minutes) ..."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

# Compiles the kernels that have changed; honours ABM_DEBUG, ABM_SANITIZE, ABM_OPENMP and ABM_TRACE (see setup.py).
build: $(INSTALLED)
	$(BIN)/python setup.py --quiet build_ext --inplace

demo: build
	$(BIN)/abm run scenarios/grupp2013_patient2.yaml -o patient2.h5 --overwrite
	$(BIN)/abm play patient2.h5 -o patient2.mp4 --overwrite

test: build
	$(BIN)/python -m pytest -n 2

# Forty minutes on one core: holds the simulator against theory, and writes docs/verification.md with its plots.
verify: build
	$(BIN)/python -m pytest tests/verification -m verify --write-report

# Half an hour: processes killed, disks filled and files damaged by the hundred; prints the tables of docs/faults.md.
faults: build
	$(BIN)/python -m tests.faults.campaign

# One JSON line per measurement.
bench: build
	for script in benchmarks/*.py; do $(BIN)/python "$$script" || exit 1; done

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/cython-lint abm/_kernels
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/mypy docs/generate.py

# Writes the generated tables into the docs, then runs the examples in them. The tests check that both are up to date.
docs: build
	$(BIN)/python docs/generate.py
	$(BIN)/python -m pytest tests/docs tests/e2e/test_readme.py

# The pages and the interface as a site under build/site; any reference that leads nowhere is an error.
site: build
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/site
	@echo "site: build/site/index.html"

# What reads exports but is too heavy for every test: squidpy brings a hundred packages (two minutes to install).
export-test: build
	$(BIN)/python -m pip install --quiet --editable '.[export-test]'
	$(BIN)/python -m pytest tests/unit/export tests/docs -m export

# Runs on a real SLURM, which apt installs if it is missing (Debian, Ubuntu; needs root for that, and for nothing else).
cluster-test: build
	$(BIN)/python -m tests.cluster.slurm_box install || \
		{ echo "cluster-test: no SLURM: THE CLUSTER TESTS DID NOT RUN" >&2; exit 1; }
	$(BIN)/python -m pytest tests/cluster -m cluster

# The player in a real Chromium, which apt installs if it is missing (Debian, Ubuntu; needs root for that, and for nothing else).
browser-test: build
	$(BIN)/python -m pip install --quiet --editable '.[browser-test]'
	$(BIN)/python -m tests.browser.chromium install || \
		{ echo "browser-test: no Chromium: THE BROWSER TESTS DID NOT RUN" >&2; exit 1; }
	$(BIN)/python -m pytest tests/browser -m browser

# What exercises the kernels, in a build with bounds checks and in one with the address and undefined-behaviour
# sanitizers (of gcc). Each is made in a copy under build/, so that the build in place stays as it is.
COPIED := abm benchmarks scenarios tests pyproject.toml setup.py README.md LICENSE
CHECKED := tests/kernels tests/statistical tests/contract/test_invariants.py
define build_copy
	rm -rf build/$(1) && mkdir -p build/$(1)
	tar -cf - --exclude='*.so' --exclude=__pycache__ $(COPIED) | tar -xf - -C build/$(1)
	cd build/$(1) && $(2) $(abspath $(BIN))/python setup.py --quiet build_ext --inplace
endef

debug-test: $(INSTALLED)
	$(call build_copy,debug,ABM_DEBUG=1)
	cd build/debug && PYTHONPATH=. $(abspath $(BIN))/python -m pytest $(CHECKED)

# Runs must be the same, to the byte, from serial kernels and from the barely optimised ones with bounds checks.
DIGESTS := $(abspath $(BIN))/python -m tests.contract.digests
builds-test: build debug-test
	$(call build_copy,serial,ABM_OPENMP=0)
	$(DIGESTS) > build/digests
	for variant in serial debug; do (cd build/$$variant && PYTHONPATH=. $(DIGESTS)) | diff build/digests - || exit 1; done

# Python itself is not instrumented: the sanitizer has to be loaded first, and leaks of the interpreter are none of ours.
sanitize-test: $(INSTALLED)
	$(call build_copy,sanitize,ABM_SANITIZE=1)
	cd build/sanitize && LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 \
		UBSAN_OPTIONS=print_stacktrace=1 PYTHONPATH=. $(abspath $(BIN))/python -m pytest --capture=sys $(CHECKED)

# A wheel for machines without a compiler, tried in a fresh environment; three minutes.
wheel:
	packaging/wheel.sh $(PYTHON) dist

# Statements that the tests run, in ten minutes; fails under 90 % of the kernels' or of Python's. Tracing makes the kernels
# thirty times slower and more: it is done in a copy, for their own tests alone. Serial, as the main thread alone is traced.
COVERAGE := $(abspath $(BIN))/python -m coverage
coverage: build
	$(call build_copy,coverage,ABM_TRACE=1 ABM_OPENMP=0)
	cd build/coverage && PYTHONPATH=. $(COVERAGE) run --data-file=.coverage.kernels -m pytest tests/kernels
	$(COVERAGE) run --data-file=build/coverage/.coverage.python -m pytest
	cd build/coverage && $(COVERAGE) combine --quiet
	cd build/coverage && $(COVERAGE) report --include='abm/_kernels/*'
	cd build/coverage && $(COVERAGE) report --omit='abm/_kernels/*'
