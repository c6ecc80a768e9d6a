"""A perceptron with batch norm and dropout on shuffled batches of a dataset; prints the loss of each step."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(1)
points = torch.rand(800, 2) * 4 - 2
labels = (points.norm(dim=1) + 0.1 * torch.randn(800) > 1.2).long() + (points[:, 0] > 0).long()
training, _ = random_split(TensorDataset(points, labels), [640, 160])
loader = DataLoader(training, batch_size=32, shuffle=True)

model = nn.Sequential(
    nn.Linear(2, 64),
    nn.BatchNorm1d(64),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(64, 64),
    nn.Tanh(),
    nn.Linear(64, 3),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
for _ in range(5):
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        print(loss.item())
    scheduler.step()
