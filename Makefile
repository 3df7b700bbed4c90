# make bench   set up, then the main job: check, build, run the baselines, score, print the table
# make test    set up, then all tests
# make check   linters, types, layers, generated files
# make perf    time us and the peers side by side (minutes; a venv of their own for the peers)
# make label-studio       install the Label Studio server in a venv of its own
# make lock    resolve the dependencies anew (needs an index)

PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH :=
export HF_HUB_OFFLINE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: bench test check generated label-studio perf lock clean

# The stamp holds what was installed: a changed lock or a killed install sets up again.
.venv/.installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "newsgold needs $(PYTHON) with venv"; exit 1; }
	@echo "setting up .venv (about a minute, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch .venv/.installed

bench: .venv/.installed
	@echo "== the articles are as ingested, and the data are sound"
	@newsgold corpus ingest --check --into corpus
	@newsgold corpus validate corpus
	@echo "== the release"
	@newsgold corpus build corpus --verify
	@echo "== baselines, scores, leaderboard (precision / recall / F1 in per cent)"
	@newsgold benchmark leaderboard --baselines

test: .venv/.installed
	@$(BIN)/python -m pytest

check: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m newsgold.generated --check
	newsgold corpus build corpus --check
	newsgold benchmark leaderboard --check

generated: .venv/.installed
	$(BIN)/python -m newsgold.generated

.venv-peers/.installed: perf/peers.lock
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv --clear .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --require-hashes -r perf/peers.lock
	@touch .venv-peers/.installed

# The template is the folder of a server with its accounts: a copy of it starts in seconds.
.venv-label-studio/template: annotation/label-studio.lock .venv/.installed
	@echo "setting up .venv-label-studio (about two minutes, once)"
	@test -x .venv-label-studio/bin/python || $(PYTHON) -m venv --clear .venv-label-studio
	@.venv-label-studio/bin/python -m pip install --quiet --require-hashes -r annotation/label-studio.lock
	@rm -rf $@ && $(BIN)/python -m newsgold.annotation.local init $@

label-studio: .venv-label-studio/template

perf: .venv/.installed .venv-peers/.installed
	$(BIN)/python perf/mentions.py
	$(BIN)/python perf/layers.py
	$(BIN)/python perf/resampling.py
	$(BIN)/python perf/side_by_side.py

lock:
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		pyproject.toml --all-extras --group dev -c constraints.in -o requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		perf/peers.in -o perf/peers.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		annotation/label-studio.in -o annotation/label-studio.lock

clean:
	rm -rf .venv .venv-peers .venv-label-studio .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
