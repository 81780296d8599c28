"""Golden values of optimisers from PyTorch in float64, for test/golden/optimizers.test.ts.

Run: python3 -m venv v && v/bin/pip install torch
     v/bin/python test/golden/optimizers.py > test/golden/optimizers.json
"""

import json
import sys

import torch

torch.manual_seed(7)
STEPS = 12
w0 = torch.randn(3, 2, dtype=torch.float64)
b0 = torch.randn(2, dtype=torch.float64)
gradients = [(torch.randn(3, 2, dtype=torch.float64), torch.randn(2, dtype=torch.float64)) for _ in range(STEPS)]

CASES = [
    ({"kind": "adam", "epsilon": 1e-8}, lambda g: torch.optim.Adam(g, lr=0.05, eps=1e-8)),
    (
        {"kind": "adam", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8},
        lambda g: torch.optim.Adam(g, lr=0.05, betas=(0.9, 0.99), eps=1e-8),
    ),
    (
        {"kind": "adamw", "weightDecay": 0.3, "epsilon": 1e-8},
        lambda g: torch.optim.AdamW(g, lr=0.05, eps=1e-8),
    ),
    ({"kind": "sgd"}, lambda g: torch.optim.SGD(g, lr=0.05)),
    ({"kind": "sgd", "momentum": 0.8}, lambda g: torch.optim.SGD(g, lr=0.05, momentum=0.8)),
    (
        {"kind": "sgd", "momentum": 0.8, "nesterov": True, "weightDecay": 0.3},
        lambda g: torch.optim.SGD(g, lr=0.05, momentum=0.8, nesterov=True),
    ),
]

cases = []
for spec, make in CASES:
    w, b = w0.clone().requires_grad_(), b0.clone().requires_grad_()
    decay = spec.get("weightDecay", 0)
    # The weights decay, the biases do not.
    optimizer = make([{"params": [w], "weight_decay": decay}, {"params": [b], "weight_decay": 0}])
    for gw, gb in gradients:
        w.grad, b.grad = gw.clone(), gb.clone()
        optimizer.step()
    cases.append({"spec": spec, "w": w.tolist(), "b": b.tolist()})

clips = []
for norm in [0.5, 100.0]:
    gw, gb = gradients[0]
    w, b = w0.clone().requires_grad_(), b0.clone().requires_grad_()
    w.grad, b.grad = gw.clone(), gb.clone()
    length = torch.nn.utils.clip_grad_norm_([w, b], norm)
    clips.append({"norm": norm, "length": float(length), "w": w.grad.tolist(), "b": b.grad.tolist()})

json.dump(
    {
        "torch": torch.__version__,
        "learningRate": 0.05,
        "w": w0.tolist(),
        "b": b0.tolist(),
        "gradients": [{"w": gw.tolist(), "b": gb.tolist()} for gw, gb in gradients],
        "cases": cases,
        "clips": clips,
    },
    sys.stdout,
    indent=1,
)
print()
