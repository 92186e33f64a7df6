# The two commands of a newcomer: `make run` and `make test`. They need Python 3.11 or later and make.
VENV := .venv
BIN := $(VENV)/bin
STUDY := build/twin
PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: run real test coverage lint docs bench check-docs clean

run: $(VENV)/run.done $(STUDY)/study.toml ## make the environment and run the bundled study
	@$(BIN)/ravenstein run $(STUDY)

# the same on real files: make real DATA=FOLDER-WITH-MYEB3-FILES
real: $(VENV)/run.done
	@test -n "$(DATA)" || { echo "Say where the official files are: make real DATA=FOLDER"; exit 2; }
	@rm -f build/real/study.toml
	@$(BIN)/ravenstein init build/real --data "$(DATA)"
	@$(BIN)/ravenstein run build/real

test: $(VENV)/dev.done ## all tests but the slow ones
	@$(BIN)/pytest --numprocesses auto --dist loadfile -m "not slow"

coverage: $(VENV)/dev.done ## the same with coverage, which takes half as long again
	@$(BIN)/pytest --numprocesses auto --dist loadfile -m "not slow" --cov --cov-report=term:skip-covered

lint: $(VENV)/dev.done ## style, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: $(VENV)/docs.done check-docs ## the documentation site, in site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Documentation: $(CURDIR)/site/index.html"

check-docs: $(VENV)/run.done ## the generated pages are current
	@$(BIN)/python docs/generate.py --check

bench: $(VENV)/dev.done ## measure, and print the tables that the docs hold
	@$(BIN)/python benchmarks/first_path.py

clean: ## remove everything that was made
	@rm -rf $(VENV) build site .coverage .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(STUDY)/study.toml: | $(VENV)/run.done
	@$(BIN)/ravenstein init $(STUDY)

$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed."; exit 2; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.done: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing (once) …"
	@$(PIP) --editable .
	@touch $@

$(VENV)/dev.done: pyproject.toml constraints.txt | $(VENV)/run.done
	@echo "Installing what the tests need (once) …"
	@$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/docs.done: pyproject.toml constraints.txt | $(VENV)/run.done
	@echo "Installing what the documentation needs (once) …"
	@$(PIP) --editable '.[docs]'
	@touch $@
