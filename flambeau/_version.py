"""The version of the package, and of the PyTorch whose API it follows."""

__version__ = "0.1.0"
PYTORCH_VERSION = "2.13.0"
