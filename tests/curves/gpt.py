"""A small GPT that learns the letters of a sentence, with dropout."""

import torch
import torch.nn.functional as F
from torch import nn

TEXT = "The quick brown fox jumps over the lazy dog, and the dog dreams of a fox that jumps no more. " * 4
LETTERS = sorted(set(TEXT))
CONTEXT, WIDTH, HEADS = 24, 32, 4


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.feed = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH), nn.Dropout(0.1)
        )

    def forward(self, x):
        samples, length, _ = x.shape
        split = self.qkv(self.norm1(x)).split(WIDTH, 2)
        q, k, v = (t.view(samples, length, HEADS, WIDTH // HEADS).transpose(1, 2) for t in split)
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(found.transpose(1, 2).reshape(samples, length, WIDTH))
        return x + self.feed(self.norm2(x))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.letter, self.place = nn.Embedding(len(LETTERS), WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(Block(), Block(), nn.LayerNorm(WIDTH))
        self.head = nn.Linear(WIDTH, len(LETTERS), bias=False)

    def forward(self, letters):
        return self.head(self.blocks(self.letter(letters) + self.place(torch.arange(letters.shape[1]))))


torch.manual_seed(0)
data = torch.tensor([LETTERS.index(c) for c in TEXT])
model = Gpt()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
for _ in range(100):
    starts = torch.randint(len(data) - CONTEXT - 1, (8,)).tolist()
    batch = torch.stack([data[s : s + CONTEXT + 1] for s in starts])
    optimizer.zero_grad()
    scores = model(batch[:, :-1])
    loss = F.cross_entropy(scores.flatten(0, 1), batch[:, 1:].flatten())
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    print(repr(loss.item()))
