"""A variational autoencoder of small drawings, with dropout and sampled codes; prints the loss of each step."""

import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self, pixels=144, hidden=100, codes=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(pixels, hidden), nn.ReLU(), nn.Dropout(0.1))
        self.mean = nn.Linear(hidden, codes)
        self.log_variance = nn.Linear(hidden, codes)
        self.decoder = nn.Sequential(nn.Linear(codes, hidden), nn.GELU(), nn.Linear(hidden, pixels))

    def forward(self, x):
        features = self.encoder(x)
        mean, log_variance = self.mean(features), self.log_variance(features)
        code = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return self.decoder(code), mean, log_variance


def crosses(count, side=12):
    """Drawings (count, side * side) of a bright row and a bright column on dark noise."""
    image = torch.rand(count, side, side) * 0.2
    rows, columns = torch.randint(side, (2, count))
    each = torch.arange(count)
    image[each, rows] = 1.0
    image[each, :, columns] = torch.bernoulli(torch.full((count, side), 0.8))
    return image.flatten(1)


torch.manual_seed(5)
drawings = crosses(512)
model = VAE()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for step in range(100):
    if step % 8 == 0:
        order = torch.randperm(len(drawings))
    batch = drawings[order[step % 8 * 64 :][:64]]
    decoded, mean, log_variance = model(batch)
    reconstruction = F.binary_cross_entropy_with_logits(decoded, batch, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    loss = (reconstruction + divergence) / len(batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
