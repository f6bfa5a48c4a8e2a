# Two commands need only python3 with venv and pip:
#   make demo    installs into .venv, trains on a generated data set, evaluates, and draws pictures
#   make test    installs what the tests need, with the optional extras, and runs them

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DEMO := work_dirs/demo
CONFIG := configs/demo/pspnet_r10_shapes.py

# Idle threads sleep instead of spinning, which makes steps several times slower on a busy machine.
export OMP_WAIT_POLICY ?= passive

# The tests run in four groups, two at a time, each in a process of its own; the longest begins. What no other group names
# is in the last. (Tests that fork, those of test-engine, stay apart from those that start the threads of autograd, those
# of test-models.)
GROUPS := test-rest test-runs test-models test-engine
MODELS := tests/models
ENGINE := $(addprefix tests/,engine faults test_distributed.py test_launch_environment.py)
RUNS := $(filter-out $(ENGINE),$(wildcard tests/test_*.py)) $(addprefix tests/,interop weights)
PYTEST := $(BIN)/python -m pytest -q -p no:cacheprovider
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) # make 3.81, that of macOS, has none

.PHONY: demo test $(GROUPS) test-slow test-gpu faults mutants docs lint format gallery performance dist clean

demo: .venv/.runtime
	$(BIN)/python tools/train.py $(CONFIG) --work-dir $(DEMO) --overwrite
	$(BIN)/python tools/test.py $(CONFIG) $(DEMO)/best.pt --eval mIoU mFscore --show-dir $(DEMO)/pictures \
	    --out $(DEMO)/scores.json | tee $(DEMO)/scores.txt
	@echo
	@echo "Look at   $(DEMO)/pictures/          image, target and prediction side by side"
	@echo "          $(DEMO)/scores.txt         the score table (scores.json: with the confusion matrix)"
	@echo "          $(DEMO)/log.txt            what you just saw; log.jsonl for plots"
	@echo "          $(DEMO)/config.py          the resolved config;  best.pt, last.pt: the checkpoints"
	@echo "Next      . .venv/bin/activate"
	@echo "          segbox predict $(CONFIG) $(DEMO)/best.pt YOUR_IMAGE.jpg --save mask,overlay"
	@echo "          segbox init YOUR_FOLDER    to train on your own images: README.md, 'Train on your own images'"

test: .venv/.tests
	@$(MAKE) --no-print-directory --keep-going --jobs 2 $(SYNC) $(GROUPS)

test-models:
	$(PYTEST) $(MODELS)

test-engine:
	$(PYTEST) $(ENGINE)

test-runs:
	$(PYTEST) $(RUNS)

test-rest:
	$(PYTEST) tests $(addprefix --ignore=,$(MODELS) $(ENGINE) $(RUNS))

# In the same groups: a process that has started the threads of autograd cannot fork.
test-slow: .venv/.tests
	@$(MAKE) --no-print-directory --keep-going $(GROUPS) PYTEST="$(PYTEST) -m slow"

# On a machine with an NVIDIA GPU. SEGBOX_GPU_REHEARSAL=cpu: the same tests on the CPU (tests/gpu/__init__.py).
test-gpu: .venv/.tests
	$(BIN)/python -m pytest -q -m gpu tests/gpu

# Kills, full disks, broken files, mutated configs: seeded and counted, with a table at the end. Takes some minutes.
faults: .venv/.tests
	$(BIN)/python -m tests.faults

# Makes small mistakes in a copy of the source; the tests must catch each. About half an hour on one core.
mutants: .venv/.tests
	$(BIN)/python -m tests.mutants

# The pages of docs/ as a site, which opens from disk and loads nothing from the network. Broken links are errors.
docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "Look at   site/index.html      (its search needs a server: python3 -m http.server -d site)"

lint: .venv/.lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: .venv/.lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The pictures of docs/gallery.md, by the model of `make demo`.
gallery: .venv/.runtime
	@test -e $(DEMO)/best.pt || $(MAKE) --no-print-directory demo
	$(BIN)/python docs/gallery/draw.py $(DEMO)/best.pt

# The numbers, pictures and tables of docs/performance.md, on one thread: minutes; QUICK=1: small sizes, one minute.
# PEERS="mmseg=/path/to/environment": other libraries, each in an environment of its own.
performance: .venv/.runtime
	$(BIN)/python docs/performance/write.py $(if $(QUICK),--quick) $(if $(PEERS),--peer $(PEERS))

# The wheel and the source archive of a release, with their metadata checked: dist/.
dist: .venv/.dist
	rm -rf build dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m twine check --strict dist/*
	@ls -l dist

clean:
	rm -rf .venv work_dirs build dist site segbox.egg-info .pytest_cache .ruff_cache

# A stamp file is newer than the files it was installed from, so an up-to-date environment is not installed again.
.venv/.created:
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: .venv/.created setup.py requirements/runtime.txt
	@echo "Installing segbox and PyTorch into .venv: a minute or two"
	$(PIP) -e .
	@touch $@

.venv/.tests: .venv/.runtime requirements/tests.txt requirements/optional.txt
	@echo "Installing what the tests need into .venv, with the optional extras"
	$(PIP) -e ".[all,tests]"
	@touch $@

.venv/.docs: .venv/.created requirements/docs.txt
	$(PIP) -r requirements/docs.txt
	@touch $@

.venv/.dist: .venv/.created
	$(PIP) build twine
	@touch $@

.venv/.lint: .venv/.created
	$(PIP) ruff
	@touch $@
