# Two commands do everything on a machine with only python3 (3.11 or later):
#   make lessons    sets up, runs the course on the embedded data, writes figures/
#   make test       sets up, runs the tests
PYTHON ?= python3
VENV   ?= .venv
RUN    := $(VENV)/bin/python

.PHONY: lessons test lint bench clean

lessons: $(VENV)/.lessons
	$(RUN) -m lessons all

test: $(VENV)/.test
	$(RUN) -m pytest

lint: $(VENV)/.test
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

bench: $(VENV)/.test
	$(RUN) -m benchmarks

$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.lessons: $(VENV)/.made pyproject.toml
	$(RUN) -m pip install --quiet --disable-pip-version-check -e '.[plot,progress]'
	touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml
	$(RUN) -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@ $(VENV)/.lessons

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
