"""The words for mixed precision in configs and on command lines."""

import torch

AMP = {"bf16": torch.bfloat16, "fp16": torch.float16, None: None}
