"""Scripts that the Python of another library's environment runs. They import nothing of segbox."""
