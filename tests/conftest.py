"""Settings that hold for every test."""

import os

# Before torch is imported. The models are tiny: threads would only wait for each other, and slow a busy machine down.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "passive"
