"""LeNet-5, with ReLU and max pooling in the place of the original's sigmoids and averages."""

from __future__ import annotations

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, nn


class LeNet5(nn.Module):
    """The convolutional network of LeCun et al., *Gradient-based learning applied to document recognition*,
    1998.

    (N, 1, 32, 32) -> conv 5x5 -> (N, 6, 28, 28) -> pool -> (N, 6, 14, 14) -> conv 5x5 -> (N, 16, 10, 10) ->
    pool -> (N, 16, 5, 5) -> three fully connected layers -> (N, 10), the logits of the ten digits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.pool = nn.MaxPool2d(kernel_size=2)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)
