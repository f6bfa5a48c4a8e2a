"""`segbox bench`: segbox beside the same work in bare PyTorch or NumPy, and beside other libraries."""
