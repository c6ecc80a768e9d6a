"""A network of two layers, trained in three ways: with gradients by hand, by autograd, and with nn and optim.

All three start from the same weights and take the same steps, so they print the same losses.
"""

import torch

N, D_IN, HIDDEN, D_OUT = 64, 1000, 100, 10
STEPS = 200
LEARNING_RATE = 1e-6

torch.manual_seed(0)
x = torch.randn(N, D_IN)
y = torch.randn(N, D_OUT)
w1_start = torch.randn(D_IN, HIDDEN)
w2_start = torch.randn(HIDDEN, D_OUT)


def by_hand():
    w1, w2 = w1_start.clone(), w2_start.clone()
    for _ in range(STEPS):
        h = x.mm(w1)
        h_relu = h.clamp(min=0)
        y_pred = h_relu.mm(w2)
        loss = (y_pred - y).pow(2).sum().item()

        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = h_relu.t().mm(grad_y_pred)
        grad_h = grad_y_pred.mm(w2.t())
        grad_h[h < 0] = 0
        grad_w1 = x.t().mm(grad_h)

        w1 = w1 - LEARNING_RATE * grad_w1
        w2 = w2 - LEARNING_RATE * grad_w2
    return loss


def by_autograd():
    w1, w2 = w1_start.clone().requires_grad_(), w2_start.clone().requires_grad_()
    for _ in range(STEPS):
        y_pred = x.mm(w1).clamp(min=0).mm(w2)
        loss = (y_pred - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            w1 -= LEARNING_RATE * w1.grad
            w2 -= LEARNING_RATE * w2.grad
            w1.grad.zero_()
            w2.grad.zero_()
    return loss.item()


def by_modules():
    model = torch.nn.Sequential(
        torch.nn.Linear(D_IN, HIDDEN, bias=False),
        torch.nn.ReLU(),
        torch.nn.Linear(HIDDEN, D_OUT, bias=False),
    )
    with torch.no_grad():
        model[0].weight.copy_(w1_start.t())
        model[2].weight.copy_(w2_start.t())
    loss_fn = torch.nn.MSELoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    for _ in range(STEPS):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


for name, train in [("by hand", by_hand), ("autograd", by_autograd), ("nn and optim", by_modules)]:
    print(f"{name:<14}loss after {STEPS} steps: {train():.2f}")
