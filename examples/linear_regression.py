"""Linear regression with mini-batches: finds the weights and the bias that the data were made with."""

import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
true_weight, true_bias = torch.tensor([2.0, -3.4]), 4.2
features = torch.randn(1000, 2)
labels = (features @ true_weight + true_bias + 0.01 * torch.randn(1000)).unsqueeze(1)

model = nn.Sequential(nn.Linear(2, 1))
nn.init.normal_(model[0].weight, std=0.01)
nn.init.zeros_(model[0].bias)
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.03)

for epoch in range(5):
    for x, y in DataLoader(TensorDataset(features, labels), batch_size=10, shuffle=True):
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    with torch.no_grad():
        print(f"epoch {epoch + 1}, loss {criterion(model(features), labels).item():.6f}")

weight, bias = (parameter.detach().flatten().tolist() for parameter in model.parameters())
print("weights", [round(value, 2) for value in weight], "bias", round(bias[0], 2))
