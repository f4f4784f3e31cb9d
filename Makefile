# Two commands do all the set-up: `make run` shows christmas on three sample shops, `make test` tests it.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
# The first of these that is a supported Python; PYTHON=/path/to/python chooses another.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& { command -v $$p; break; }; done)

.PHONY: help run live test test-unit test-long lint docs bench lock clean
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

run: $(VENV)/.installed ## crawl three sample shops, let prices change, refresh (ONCE=1 ends then)
	$(BIN)/christmas demo $(if $(ONCE),--once)

live: $(VENV)/.installed ## read the real shops carefully (needs CHRISTMAS__CONTACT_URL; ARGS="--limit 100")
	$(BIN)/christmas live $(ARGS)

# Hundreds of processes that tests start would each compile every module anew.
test test-unit test-long: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.installed-test lint ## run all tests but the long ones (ARGS="-k name" chooses)
	$(BIN)/coverage erase
	$(if $(ARGS),$(BIN)/coverage run -m pytest $(ARGS),$(BIN)/coverage run -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not serial and not long")
	$(if $(ARGS),,$(BIN)/python -m pytest -m "serial and not long")
	$(BIN)/coverage combine -q
	$(BIN)/coverage report $(if $(ARGS),--fail-under=0)

test-unit: $(VENV)/.installed-test ## run the tests that start no process and no server
	$(BIN)/python -m pytest -n 2 -m "not integration and not long and not serial" $(ARGS)

test-long: $(VENV)/.installed-test ## run the tests that take minutes: chaos, soaks, rolling updates
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "long and not serial" $(ARGS)
	$(BIN)/python -m pytest -m "long and serial" $(ARGS)

lint: $(VENV)/.installed-test ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed-test ## build the documentation as a site: build/docs/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo build/docs/index.html

bench: $(VENV)/.installed-test ## measure against the goals (QUICK=1 in some minutes); writes bench.json
	$(BIN)/python -m tests.benchmarks $(if $(QUICK),--quick)

# For the image, so with its Python; a virtual environment of its own holds nothing that christmas does not need.
lock: ## choose anew the versions that the image installs: requirements.lock (needs python3.11)
	rm -rf build/lock
	python3.11 -m venv --upgrade-deps build/lock
	build/lock/bin/pip install -q --disable-pip-version-check .
	echo "# What the image installs, chosen by \`make lock\` for Linux and Python 3.11." > requirements.lock
	build/lock/bin/pip freeze --all --exclude christmas >> requirements.lock
	echo 'async-timeout==5.0.1; python_full_version < "3.11.3"' >> requirements.lock  # of redis; Debian 12 has 3.11.2

clean: ## remove the virtual environment and everything that was built or stored
	rm -rf $(VENV) build dist *.egg-info var bench.json .coverage* .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "christmas needs Python 3.11, 3.12 or 3.13 and found none: install one" \
		"(Debian: apt install python3 python3-venv; macOS: brew install python@3.13) or give PYTHON=/path/to/python." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module:" \
		"install it (Debian: apt install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml setup.py
	$(BIN)/pip install -q --disable-pip-version-check -e . || { echo "The packages could not be installed:" \
		"is there a network, and does PIP_INDEX_URL name a package index?" >&2; exit 1; }
	@touch $@

$(VENV)/.installed-test: $(VENV)/bin/python pyproject.toml setup.py
	$(BIN)/pip install -q --disable-pip-version-check -e '.[test]' || { echo "The packages could not be installed:" \
		"is there a network, and does PIP_INDEX_URL name a package index?" >&2; exit 1; }
	@touch $@ $(VENV)/.installed
