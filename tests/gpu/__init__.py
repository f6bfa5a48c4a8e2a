"""What only a GPU can show: there, training, evaluation and losses do what they do on the CPU.

    make test-gpu                                    # on a machine with an NVIDIA GPU; some minutes
    SEGBOX_GPU_REHEARSAL=cpu make test-gpu           # the same tests on the CPU, to find mistakes in the tests

Every test here takes the fixture `device` and has the marker `gpu` (`conftest.py` gives it), so the other commands
leave these tests out. Where there is no GPU, `pytest -m gpu` ends with one message, and other selections skip them.

What is compared, and how:

- Results of the GPU with those of the CPU: in 64 bits, where the order of sums and TF32 leave no trace. Class maps and
  the integers of a confusion matrix must be equal; losses, gradients and weights agree to about nine digits.
- A run with itself, to the last bit: `train.deterministic=True`, twice, and resumed.
- Mixed precision with fp32, loosely, and what is particular to it: the gradient scaler, steps that are dropped.
- NCCL with one process. `segbox.distributed` takes short cuts where there is one process; the fixture `group` takes
  them away, so that every exchange goes through NCCL (in a rehearsal, gloo). One test needs two GPUs.

No test forks after CUDA was used, except by data workers. Warnings are shown, and end no test: which ones PyTorch gives
depends on the GPU. A test that holds on the CPU too belongs beside the code's other tests, not here.
"""
