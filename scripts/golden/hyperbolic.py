"""Golden values of geoopt (float64) for the maps of the Poincare ball and the hyperboloid.

Run: python3 -m venv v && v/bin/pip install geoopt torch
     v/bin/python scripts/golden/hyperbolic.py > test/golden/hyperbolic.json
     npx prettier --write test/golden/hyperbolic.json
Rows are float32 numbers, so that both sides see the same. Names and the order of rows are those of
test/support/hyperbolicCases.ts. geoopt's hyperboloid has radius^2 k = 1/c and stores the time
coordinate first; only space parts are kept here. What geoopt has no counterpart of is left out.
"""

import json
import sys

import geoopt
import torch
from geoopt.manifolds.lorentz import math as lorentz
from geoopt.manifolds.stereographic import math as ball

torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(20250222)
N, D = 3, 3
CURVATURES = [1.0, 0.25]


def f32(a):
    return a.to(torch.float32).to(torch.float64)


def normal(scale=1.0):
    return f32(torch.randn(N, D, generator=generator) * scale)


def unit():
    a = torch.randn(N, D, generator=generator)
    return a / a.norm(dim=-1, keepdim=True)


RADII = torch.tensor([[0.3], [1.0], [2.5]])


def case(model, name, c, rows, values, scalars=()):
    return {
        "model": model,
        "name": name,
        "c": c,
        "rows": [row.tolist() for row in rows],
        "scalars": list(scalars),
        "values": values.flatten().tolist(),
    }


def ball_cases(c):
    s = c**0.5
    k = torch.tensor(-c)
    x, y = f32(unit() * torch.tanh(RADII / 2) / s), f32(unit() * torch.tanh(RADII.flip(0) / 2) / s)
    u, v = normal(0.5), normal(0.5)
    plane = ball.dist2plane(y, x, v, k=k, signed=True)
    yield case("poincare", "dist", c, [x, y], ball.dist(x, y, k=k))
    yield case("poincare", "dist0", c, [x], ball.dist0(x, k=k))
    yield case("poincare", "add", c, [x, y], ball.mobius_add(x, y, k=k))
    yield case("poincare", "scalarMul", c, [x], ball.mobius_scalar_mul(torch.tensor(-0.75), x, k=k), [-0.75])
    yield case("poincare", "expMap", c, [x, v], ball.expmap(x, v, k=k))
    yield case("poincare", "logMap", c, [x, y], ball.logmap(x, y, k=k))
    yield case("poincare", "expMap0", c, [v], ball.expmap0(v, k=k))
    yield case("poincare", "logMap0", c, [x], ball.logmap0(x, k=k))
    yield case("poincare", "gyration", c, [x, y, v], ball.gyration(x, y, v, k=k))
    yield case("poincare", "transport", c, [x, y, v], ball.parallel_transport(x, y, v, k=k))
    yield case("poincare", "transport0", c, [y, v], ball.parallel_transport0(y, v, k=k))
    yield case("poincare", "conformalFactor", c, [x], ball.lambda_x(x, k=k))
    yield case("poincare", "inner", c, [x, u, v], ball.inner(x, u, v, k=k, keepdim=True))
    yield case("poincare", "norm", c, [x, v], ball.norm(x, v, k=k))
    yield case("poincare", "egradToRgrad", c, [x, v], ball.egrad2rgrad(x, v, k=k))
    yield case("poincare", "hyperplaneDistance", c, [x, y, v], plane)


def lorentz_cases(c):
    s = c**0.5
    k = torch.tensor(1 / c)
    x, y = f32(unit() * torch.sinh(RADII) / s), f32(unit() * torch.sinh(RADII.flip(0)) / s)
    u, v, grad = normal(0.5), normal(0.5), normal()

    def point(space):
        return torch.cat([(k + space.square().sum(-1, keepdim=True)).sqrt(), space], -1)

    def tangent(at, space):
        time = (at * space).sum(-1, keepdim=True) / point(at)[..., :1]
        return torch.cat([time, space], -1)

    p, q = point(x), point(y)
    a, b = tangent(x, u), tangent(x, v)
    # egrad2rgrad changes its argument.
    ambient = torch.cat([torch.zeros(N, 1), grad], -1)
    yield case("lorentz", "dist", c, [x, y], lorentz.dist(p, q, k=k))
    yield case("lorentz", "dist0", c, [x], lorentz.dist0(p, k=k))
    yield case("lorentz", "minkowskiInner", c, [x, y], lorentz.inner(p, q))
    yield case("lorentz", "inner", c, [x, u, v], lorentz.inner(a, b))
    yield case("lorentz", "norm", c, [x, v], lorentz.norm(b))
    yield case("lorentz", "expMap", c, [x, v], lorentz.expmap(p, b, k=k)[..., 1:])
    yield case("lorentz", "logMap", c, [x, y], lorentz.logmap(p, q, k=k)[..., 1:])
    yield case("lorentz", "transport", c, [x, y, v], lorentz.parallel_transport(p, q, b, k=k)[..., 1:])
    yield case("lorentz", "egradToRgrad", c, [x, grad], lorentz.egrad2rgrad(p, ambient, k=k)[..., 1:])


cases = [entry for c in CURVATURES for make in (ball_cases, lorentz_cases) for entry in make(c)]
json.dump({"geoopt": geoopt.__version__, "torch": torch.__version__, "cases": cases}, sys.stdout)
print()
