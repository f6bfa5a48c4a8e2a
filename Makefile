# Two commands do everything on a fresh machine that has python3 with venv and pip:
#   make demo    installs into .venv, trains on a generated data set, evaluates, leaves pictures to look at
#   make test    installs what the tests need, the optional extras included, and runs them

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DEMO := work_dirs/demo
CONFIG := configs/demo/pspnet_r10_shapes.py

# Threads that wait by sleeping: on a machine that also does other things, waiting by spinning makes steps several
# times slower.
export OMP_WAIT_POLICY ?= passive

.PHONY: demo test test-slow test-gpu faults mutants lint format clean

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
	@echo "          tools/predict.py $(CONFIG) $(DEMO)/best.pt YOUR_IMAGE.jpg --save mask,overlay"
	@echo "          tools/train.py CONFIG      on images of your own: README.md, 'Train on your own images'"

test: .venv/.tests
	$(BIN)/python -m pytest -q

test-slow: .venv/.tests
	$(BIN)/python -m pytest -q -m slow

# On a machine with an NVIDIA GPU. SEGBOX_GPU_REHEARSAL=cpu: the same tests on the CPU (tests/gpu/__init__.py).
test-gpu: .venv/.tests
	$(BIN)/python -m pytest -q -m gpu tests/gpu

# Kills, full disks, broken files, mutated configs: seeded and counted, with a table at the end. Some minutes.
faults: .venv/.tests
	$(BIN)/python -m tests.faults

# Small mistakes in a copy of the source, each of which some test must see. About half an hour of one core.
mutants: .venv/.tests
	$(BIN)/python -m tests.mutants

lint: .venv/.lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: .venv/.lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv work_dirs build segbox.egg-info .pytest_cache .ruff_cache

# A stamp is newer than what it was installed from, so an environment that is up to date is used as it is.
.venv/.created:
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: .venv/.created setup.py requirements/runtime.txt
	@echo "Installing segbox and PyTorch into .venv: a minute or two"
	$(PIP) -e .
	@touch $@

.venv/.tests: .venv/.runtime requirements/tests.txt requirements/optional.txt
	@echo "Installing what the tests need into .venv, the optional extras included"
	$(PIP) -e ".[all,tests]"
	@touch $@

.venv/.lint: .venv/.created
	$(PIP) ruff
	@touch $@
