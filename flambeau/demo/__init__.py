"""`flambeau demo`: LeNet-5 learns to read handwritten digits."""

from flambeau.demo.lenet import LeNet5
from flambeau.demo.training import check, train

__all__ = ["LeNet5", "check", "train"]
