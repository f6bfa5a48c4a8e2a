"""PyTorch's FSDP2 under one name for all versions. Import it only where a model is sharded: it takes a second."""

try:
    from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
except ImportError:  # PyTorch 2.4 and 2.5
    from torch.distributed._composable.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

__all__ = ["FSDPModule", "fully_shard", "register_fsdp_forward_method"]
