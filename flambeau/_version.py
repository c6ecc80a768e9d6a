"""The version of the package, and of the PyTorch whose API it follows."""

__version__ = "0.1.0"
