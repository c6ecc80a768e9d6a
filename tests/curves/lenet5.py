"""LeNet-5 tells four kinds of noisy stripes apart, by SGD with momentum in one cycle; prints the loss of each step."""

import torch
import torch.nn.functional as F
from torch import nn


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 4)

    def forward(self, x):
        x = F.max_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.max_pool2d(torch.tanh(self.conv2(x)), 2)
        x = torch.tanh(self.fc1(torch.flatten(x, 1)))
        return self.fc3(torch.tanh(self.fc2(x)))


def stripes(count, generator):
    """Images (count, 1, 32, 32) of waves in one of four directions, and which."""
    kinds = torch.randint(4, (count,), generator=generator)
    angle = kinds * (torch.pi / 4) + 0.1 * torch.randn(count, generator=generator)
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    along = angle.cos().view(-1, 1, 1) * rows + angle.sin().view(-1, 1, 1) * columns
    waves = torch.sin(along / 2 + 6.28 * torch.rand(count, 1, 1, generator=generator))
    return (waves + 0.3 * torch.randn(count, 32, 32, generator=generator)).unsqueeze(1), kinds


torch.manual_seed(2)
model = LeNet5()
generator = torch.Generator().manual_seed(3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.03, total_steps=100)
for _ in range(100):
    images, kinds = stripes(32, generator)
    loss = F.cross_entropy(model(images), kinds, label_smoothing=0.05)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    print(loss.item())
