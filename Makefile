# Two commands do everything on a machine with only python3 (3.11 or later):
#   make lessons    sets up, runs the course on the embedded data, writes figures/
#   make test       sets up, runs the tests
# and `make oldest` runs, in an environment of its own, those that speak to NumPy on the oldest one.
PYTHON ?= python3
VENV   ?= .venv
RUN    := $(VENV)/bin/python
NUMPY  ?= 2.0
OLDEST := $(VENV)-oldest

.PHONY: lessons test oldest lint bench clean

lessons: $(VENV)/.lessons
	$(RUN) -m lessons all

test: $(VENV)/.test
	$(RUN) -m pytest

oldest: $(OLDEST)/.test
	$(OLDEST)/bin/python -m pytest minitorch tests/test_table.py tests/test_compile_table.py \
	    tests/test_array.py tests/test_creation.py tests/test_index.py tests/test_tensor.py \
	    tests/test_meta*.py tests/test_fakecupy*.py tests/test_data*.py tests/test_save*.py

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

$(OLDEST)/.test: pyproject.toml
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check \
	    --only-binary numpy -e '.[test]' 'numpy==$(NUMPY).*'
	touch $@

clean:
	rm -rf $(VENV) $(OLDEST) .pytest_cache .mypy_cache .ruff_cache .hypothesis
