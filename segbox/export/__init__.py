"""`segbox export`: a trained model as a file for other runtimes, checked beside PyTorch."""
