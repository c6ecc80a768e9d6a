"""LeNet-5 learns to tell horizontal from vertical stripes, is saved, loaded and asked again."""

import tempfile
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim


class LeNet5(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5)
        self.pool1 = nn.MaxPool2d(kernel_size=2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.pool2 = nn.MaxPool2d(kernel_size=2)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x):
        x = self.pool1(F.relu(self.conv1(x)))
        x = self.pool2(F.relu(self.conv2(x)))
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def stripes(count):
    """Images (count, 1, 32, 32) of noisy stripes, and whether they are vertical."""
    vertical = torch.randint(0, 2, (count,))
    wave = torch.sin(torch.arange(32.0) / 2 + 6.28 * torch.rand(count, 1))
    images = wave.view(count, 1, 32, 1).expand(count, 1, 32, 32)
    images = torch.where(vertical.view(-1, 1, 1, 1) == 1, images.transpose(2, 3), images)
    return images + torch.randn(count, 1, 32, 32), vertical


torch.manual_seed(0)
net = LeNet5(classes=2)
print(net)
print(sum(parameter.numel() for parameter in net.parameters()), "parameters")

criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(net.parameters(), lr=1e-3)
for step in range(1, 41):
    images, labels = stripes(32)
    loss = criterion(net(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step}, loss {loss.item():.4f}")

with tempfile.TemporaryDirectory() as folder:
    torch.save(net.state_dict(), Path(folder) / "lenet.pth")
    loaded = LeNet5(classes=2)
    loaded.load_state_dict(torch.load(Path(folder) / "lenet.pth"))

loaded.eval()
images, labels = stripes(200)
with torch.no_grad():
    accuracy = (loaded(images).argmax(dim=1) == labels).float().mean().item()
print(f"accuracy {100 * accuracy:.1f} %")
