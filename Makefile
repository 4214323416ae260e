# Each target sets up what it needs; the second time that is quick.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
WORKERS ?= 2

.PHONY: demo test bench lint size setup clean
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/reflow run examples/mnist_tf1.py
	$(BIN)/reflow run examples/mnist_keras.py

# At -v, pytest's last line is its full one ("== 12 passed in 3.4s ==").
test: lint
	$(BIN)/python -m pytest -v -n $(WORKERS) --dist loadgroup

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# bench/README.md tells how to add the peers: make bench BENCH="--install-peers"
bench: $(READY)
	$(BIN)/python bench/run.py $(BENCH)

size: $(READY)
	$(BIN)/python tools/size_report.py

setup: $(READY)

$(READY): pyproject.toml tools/build_kernels.py $(wildcard src/reflow/kernels/native/*)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache
