# Everything that is done here has one verb; `make` lists them.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help demo test slow check fix bench studies docs clean

help: ## List the verbs
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: $(INSTALLED) ## Train on scattered digits, which come along; prints scores and writes a report
	$(BIN)/vitreous train scattered

test: $(INSTALLED)-dev ## Run the tests
	PYTHONHASHSEED=0 $(BIN)/python -m pytest -n auto

slow: $(INSTALLED)-dev ## Run the long tests as well
	PYTHONHASHSEED=0 $(BIN)/python -m pytest -n auto -m "not gpu and not network"

check: $(INSTALLED)-dev ## Lint, types and the order of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_order.py

fix: $(INSTALLED)-dev ## Format, and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)-dev .venv-keras/installed .venv-peers/installed ## Measure speed and memory against peers, side by side (hours)
	$(BIN)/python benchmarks/run.py

studies: $(INSTALLED)-dev .venv-peers/installed ## Measure what is learned and found, and what rules rest on (many hours)
	$(BIN)/python benchmarks/run.py --studies

docs: $(INSTALLED)-dev ## Build the site of the documentation in build/site
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/site
	@echo build/site/index.html

clean: ## Remove the environment and all caches
	rm -rf .venv .venv-keras .venv-peers .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

$(INSTALLED): .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

# TensorFlow wants versions of its own, so Keras is measured in an environment beside ours.
.venv-keras/installed:
	$(PYTHON) -m venv .venv-keras
	.venv-keras/bin/python -m pip install --quiet "keras>=3.4" "tensorflow-cpu>=2.16"
	touch $@

# Peers bring much that nothing else here needs. Their environment looks into ours for torch, which is large; without
# vitreous, for an editable package is found by the environment that it was installed into alone. What torchattacks
# needs is there, only newer than it knows.
.venv-peers/installed: | $(INSTALLED)-dev
	$(PYTHON) -m venv .venv-peers
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
		> "$$(.venv-peers/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/beside.pth"
	.venv-peers/bin/python -m pip install --quiet "torch>=2.9,<2.14" "lightning>=2.5" "fastai>=2.8" \
		"albumentations>=2" "kornia>=0.8" "captum>=0.8" "grad-cam>=1.5" "foolbox>=3.3"
	.venv-peers/bin/python -m pip install --quiet --no-deps "torchattacks>=3.5"
	touch $@

$(INSTALLED)-dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	./.ci/browser
	touch $@ $(INSTALLED)
