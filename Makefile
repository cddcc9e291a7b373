# make demo      set up, measure the demo study, and say where its page is
# make test      set up and run the tests, without those that take long
# make test-all  set up and run all tests
# make test-lowest  run the tests of `make test` with the lowest versions that pyproject.toml allows
# make check     set up and run linters, the type checker and the architecture's contracts
# make docs      set up and write the documentation as a site to public/html
# Needs Python 3.11 or newer (PYTHON=python3.12 chooses one); all is installed into VENV.

PYTHON ?= python3
VENV ?= .venv
CORES ?= all
# Processes that run tests side by side.
WORKERS ?= 2
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)
# Small nets on several threads are slower than on one.
export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PYTEST := pytest --numprocesses $(WORKERS) --dist loadgroup --durations 25
# An environment beside VENV with the lowest versions.
LOWEST ?= .venv-lowest
PIP_INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

PAGES := README.md CHANGELOG.md CONTRIBUTING.md Containerfile LICENSE config docs profiles

.PHONY: demo test test-all test-lowest check docs format clean
.DELETE_ON_ERROR:

demo: $(VENV)/ready-demo
	snakemake --cores $(CORES) --quiet rules
	@echo "The page: $(CURDIR)/results/studies/demo/index.html"

test: $(VENV)/ready-dev
	$(PYTEST) -m "not slow" $(TESTS)

test-all: $(VENV)/ready-dev
	$(PYTEST) $(TESTS)

test-lowest: export PATH := $(abspath $(LOWEST)/bin):$(PATH)
test-lowest: $(LOWEST)/ready
	$(PYTEST) -m "not slow" $(TESTS)

check: $(VENV)/ready-dev
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	snakefmt --check Snakefile workflow/rules
	snakemake --lint --configfile config/tiny.yaml

# Pages lie side by side as in the project, so that their links to one another hold.
docs: $(VENV)/ready-dev
	rm -rf public
	mkdir -p public/source
	tar cf - $(PAGES) | tar xf - -C public/source
	cp site/* public/source
	sphinx-build -W --keep-going -q public/source public/html

format: $(VENV)/ready-dev
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow/rules

clean:
	rm -rf $(VENV) $(LOWEST) results .snakemake public

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "error: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) --version 2>&1)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(LOWEST)/ready: pyproject.toml tests/lowest.py
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python tests/lowest.py > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --constraint $(LOWEST)/constraints.txt \
	    --editable '.[samples,slurm,dev]'
	@touch $@

$(VENV)/ready-demo: $(VENV)/created pyproject.toml constraints.txt
	@echo "Installing into $(VENV): torch is large, the first time takes minutes"
	$(PIP_INSTALL) torch torchvision
	$(PIP_INSTALL) --editable '.[samples]'
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready-demo
	$(PIP_INSTALL) --editable '.[samples,slurm,dev]'
	@touch $@
