# make bench   set up, then the main job: check, build, run the baselines, score, print the table
# make baselines  train all baselines afresh and refresh their predictions (about two minutes)
# make test    set up, then all tests
# make check   linters, types, layers, generated files
# make perf    time us and the peers side by side (minutes; a venv of their own for the peers)
# make label-studio       install the Label Studio server in a venv of its own
# make label-studio-demo  leave a server running with the corpus loaded (PORT=8080); make label-studio-stop ends it
# make screenshots        take the pictures of annotation/screenshots anew
# make models  install torch, transformers and GLiNER in a venv of its own, for their tests (6 GB)
# make oldest  install the oldest supported datasets in a venv of its own, for its tests
# make lock    resolve the dependencies anew (needs an index)

PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH :=
export HF_HUB_OFFLINE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: bench baselines models test check generated label-studio label-studio-demo label-studio-stop screenshots oldest perf lock clean

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

baselines: .venv/.installed
	@newsgold benchmark leaderboard --baselines all

test: .venv/.installed
	@$(BIN)/python -m pytest

check: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m newsgold.generated --check
	newsgold corpus lint corpus --verdicts annotation/lint_verdicts.toml
	newsgold corpus build corpus --check
	newsgold benchmark leaderboard --check

generated: .venv/.installed
	$(BIN)/python -m newsgold.generated

.venv-peers/.installed: perf/peers.lock
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv --clear .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --require-hashes -r perf/peers.lock
	@touch .venv-peers/.installed

# The template is the folder of a server with its accounts: a copy of it starts in seconds.
.venv-label-studio/template: annotation/label-studio.lock | .venv/.installed
	@echo "setting up .venv-label-studio (about two minutes, once)"
	@test -x .venv-label-studio/bin/python || $(PYTHON) -m venv --clear .venv-label-studio
	@.venv-label-studio/bin/python -m pip install --quiet --require-hashes -r annotation/label-studio.lock
	@rm -rf $@ && $(BIN)/python -m newsgold.annotation.local init $@

label-studio: .venv-label-studio/template

PORT ?= 8080

label-studio-demo: .venv-label-studio/template
	@$(BIN)/python -m newsgold.annotation.local demo .label-studio-demo corpus .venv-label-studio/template $(PORT)
	@echo "make label-studio-stop ends it; what was labelled stays in .label-studio-demo/"

label-studio-stop: .venv/.installed
	@$(BIN)/python -m newsgold.annotation.local stop .label-studio-demo

screenshots: .venv-label-studio/template
	@$(BIN)/python tests/screenshots.py annotation/screenshots

# newsgold itself comes from src/ there: the lock of the wheel names the newest pyarrow.
.venv-oldest/.installed: tests/oldest.lock
	@echo "setting up .venv-oldest (about half a minute, once)"
	@test -x .venv-oldest/bin/python || $(PYTHON) -m venv --clear .venv-oldest
	@.venv-oldest/bin/python -m pip install --quiet --require-hashes -r tests/oldest.lock
	@touch $@

oldest: .venv-oldest/.installed

# torch for Linux comes with the libraries of a graphics card, which it does not start without.
.venv-models/.installed: tests/models.lock
	@echo "setting up .venv-models (two minutes and 6 GB, once)"
	@test -x .venv-models/bin/python || $(PYTHON) -m venv --clear .venv-models
	@.venv-models/bin/python -m pip install --quiet --require-hashes -r tests/models.lock
	@touch $@

models: .venv-models/.installed

perf: .venv/.installed .venv-peers/.installed .venv-label-studio/template
	$(BIN)/python perf/mentions.py
	$(BIN)/python perf/layers.py
	$(BIN)/python perf/resampling.py
	$(BIN)/python perf/agreement.py
	$(BIN)/python perf/release.py
	$(BIN)/python perf/loading.py
	$(BIN)/python perf/diff.py
	$(BIN)/python perf/formats.py
	$(BIN)/python perf/export.py
	$(BIN)/python perf/bridge.py
	$(BIN)/python perf/side_by_side.py

# All extras but those that pull torch, which tests/models.lock has.
LOCKED := annotation baselines dask gamma llm polars spacy uima

lock:
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		pyproject.toml $(LOCKED:%=--extra %) --group dev -c constraints.in -o requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		perf/peers.in -o perf/peers.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		annotation/label-studio.in -o annotation/label-studio.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		tests/oldest.in -o tests/oldest.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		tests/models.in -o tests/models.lock

clean:
	rm -rf .venv .venv-peers .venv-label-studio .venv-models .venv-oldest .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
