"""The names of mixed precision in configs and on command lines, and their types."""

import torch

AMP = {"bf16": torch.bfloat16, "fp16": torch.float16, None: None}
