"""A language model over characters, two layers of LSTM with dropout between them; prints the loss of each step."""

import torch
import torch.nn.functional as F
from torch import nn

TEXT = """The fox ran over the hill and over the river, and the hill was cold and the river was old.
Who has seen the wind? Neither you nor I; but when the trees bow down their heads, the wind is passing by.
One step and two steps, one word and two words: what was said before says what comes after."""


class CharacterModel(nn.Module):
    def __init__(self, letters, width=32):
        super().__init__()
        self.embedding = nn.Embedding(letters, 16)
        self.lstm = nn.LSTM(16, width, num_layers=2, batch_first=True, dropout=0.2)
        self.out = nn.Linear(width, letters)

    def forward(self, x, state=None):
        h, state = self.lstm(self.embedding(x), state)
        return self.out(h), state


alphabet = sorted(set(TEXT))
numbers = torch.tensor([alphabet.index(letter) for letter in TEXT])
rows = numbers[: len(numbers) // 8 * 8].view(8, -1)  # eight readers, each with a part of the text

torch.manual_seed(5)
model = CharacterModel(len(alphabet))
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
length, state, place = 12, None, 0
for _ in range(100):
    if place + length >= rows.size(1):
        state, place = None, int(torch.randint(length, ()))
    x, target = rows[:, place : place + length], rows[:, place + 1 : place + length + 1]
    place += length
    scores, state = model(x, state)
    state = tuple(part.detach() for part in state)
    loss = F.cross_entropy(scores.reshape(-1, len(alphabet)), target.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    print(loss.item())
