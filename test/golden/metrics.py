"""Golden distances from other people's code, for test/reference/distance.ts.

Run: python3 -m venv v && v/bin/pip install numpy scipy scikit-learn mpmath
     v/bin/python test/golden/metrics.py > test/golden/metrics.json
scipy's cdist where it has the metric with real-valued rows, scikit-learn for haversine, numpy for the
sums that neither has (kl with scipy.special.rel_entr), and mpmath with 60 digits, from the definition
by arcosh or arccos, for the angles and the hyperbolic distances.
"""

import json
import sys

import mpmath
import numpy as np
import scipy
import sklearn
from scipy.spatial.distance import cdist
from scipy.special import rel_entr
from sklearn.metrics.pairwise import haversine_distances

mpmath.mp.dps = 60
rng = np.random.default_rng(20250222)


def f32(a):
    return np.asarray(a, dtype=np.float32).astype(np.float64)


def rows(n, d):
    return f32(rng.standard_normal((n, d)))


def positive(n, d):
    return f32(rng.gamma(0.7, size=(n, d)))


def mp_table(x, y, f):
    return [[float(f([mpmath.mpf(float(v)) for v in a], [mpmath.mpf(float(v)) for v in b])) for b in y] for a in x]


def mp_dot(a, b):
    return mpmath.fsum(p * q for p, q in zip(a, b))


def mp_cosine(a, b):
    lengths = mpmath.sqrt(mp_dot(a, a)) * mpmath.sqrt(mp_dot(b, b))
    return mpmath.mpf(1) if lengths == 0 else 1 - mp_dot(a, b) / lengths


def mp_centred(a):
    mean = mpmath.fsum(a) / len(a)
    return [v - mean for v in a]


def mp_correlation(a, b):
    return mp_cosine(mp_centred(a), mp_centred(b))


def mp_angle(a, b):
    return mpmath.acos(min(mpmath.mpf(1), max(mpmath.mpf(-1), 1 - mp_cosine(a, b))))


def mp_poincare(c):
    def f(a, b):
        q = mpmath.fsum((p - r) ** 2 for p, r in zip(a, b))
        u = 2 * c * q / ((1 - c * mp_dot(a, a)) * (1 - c * mp_dot(b, b)))
        return mpmath.acosh(1 + u) / mpmath.sqrt(c)

    return f


def mp_lorentz(c):
    def f(a, b):
        times = mpmath.sqrt(1 / c + mp_dot(a, a)) * mpmath.sqrt(1 / c + mp_dot(b, b))
        return mpmath.acosh(max(mpmath.mpf(1), c * (times - mp_dot(a, b)))) / mpmath.sqrt(c)

    return f


cases = []


def case(metric, x, y, distances, source, **parameters):
    cases.append(
        {
            "metric": metric,
            "source": source,
            "parameters": parameters,
            "x": np.asarray(x).tolist(),
            "y": np.asarray(y).tolist(),
            "distances": [[float(v) if np.isfinite(v) else str(v) for v in row] for row in distances],
        }
    )


x, y = rows(4, 7), rows(5, 7)
x[0] = 0
y[1] = x[2]
y[2] = f32(x[3] + 1e-4)
y[3] = -x[1]
for metric in ["euclidean", "sqeuclidean", "cityblock", "chebyshev", "canberra", "braycurtis", "hamming"]:
    case(metric, x, y, cdist(x, y, metric), "scipy")
for p in [0.5, 1, 1.5, 2, 3, 7]:
    case("minkowski", x, y, cdist(x, y, "minkowski", p=p), "scipy", p=p)
case("innerProduct", x, y, x @ y.T, "numpy")
case("cosine", x[1:], y, cdist(x[1:], y, "cosine"), "scipy")
case("cosine", x, y, mp_table(x, y, mp_cosine), "mpmath")
case("correlation", x[1:], y, cdist(x[1:], y, "correlation"), "scipy")
case("correlation", x, y, mp_table(x, y, mp_correlation), "mpmath")
case("spherical", x, y, mp_table(x, y, mp_angle), "mpmath")
VI = f32(np.linalg.inv(np.cov(rows(40, 7).T)))
VI = (VI + VI.T) / 2
case("mahalanobis", x, y, cdist(x, y, "mahalanobis", VI=VI), "scipy", VI=VI.tolist())
V = positive(1, 7)[0] + 0.1
case("seuclidean", x, y, cdist(x, y, "seuclidean", V=V), "scipy", V=V.tolist())

few, other = f32(rng.integers(0, 3, (5, 9))), f32(rng.integers(0, 3, (4, 9)))
few[0] = 0
other[0] = 0
case("hamming", few, other, cdist(few, other, "hamming"), "scipy")
jaccard = [
    [np.sum(a != b) / max(1, np.sum((a != 0) | (b != 0))) for b in other] for a in few
]
case("jaccard", few, other, jaccard, "numpy, the definition for real rows")
bits, others = few > 0, other > 0
case("jaccard", f32(bits), f32(others), cdist(bits, others, "jaccard"), "scipy, booleans")
case("canberra", few, other, cdist(few, other, "canberra"), "scipy")

p, q = positive(4, 6), positive(5, 6)
p[0, :3] = 0
q[1] = p[1]
q[2] = f32(p[2] * (1 + 1e-3 * rng.standard_normal(6)))
ps, qs = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
case("jensenshannon", p, q, cdist(ps, qs, "jensenshannon"), "scipy, rows normalised")
case("kl", p, q, [[rel_entr(a, b).sum() for b in qs] for a in ps], "scipy.special.rel_entr")
case("hellinger", p, q, [[np.sqrt(((np.sqrt(a) - np.sqrt(b)) ** 2).sum() / 2) for b in q] for a in p], "numpy")

globe = f32(np.stack([rng.uniform(-np.pi / 2, np.pi / 2, 6), rng.uniform(-np.pi, np.pi, 6)], 1))
places = f32(np.stack([rng.uniform(-np.pi / 2, np.pi / 2, 5), rng.uniform(-np.pi, np.pi, 5)], 1))
globe[0] = f32([np.pi / 2, 1])
places[0] = f32([np.pi / 2, -2])
globe[1] = f32([0.3, 3.1415])
places[1] = f32([0.3, -3.1415])
places[2] = f32([-globe[2, 0], globe[2, 1] - np.pi])
case("haversine", globe, places, haversine_distances(globe, places), "scikit-learn")

for c in [0.25, 1, 4]:
    direction = rows(8, 5)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    radius = np.array([0, 1e-4, 0.3, 0.9, 0.999, 0.99999, 0.5, 0.7])[:, None]
    ball = f32(direction * radius / np.sqrt(c))
    near = f32(ball[[2, 5]] * (1 - 1e-6))
    case("poincare", ball[:5], np.concatenate([ball[3:], near]), mp_table(ball[:5], np.concatenate([ball[3:], near]), mp_poincare(mpmath.mpf(c))), "mpmath", c=c)
    space = f32(direction * np.sinh(radius * 12) / np.sqrt(c))
    close = f32(space[[2, 5]] * (1 + 1e-6))
    case("lorentz", space[:5], np.concatenate([space[3:], close]), mp_table(space[:5], np.concatenate([space[3:], close]), mp_lorentz(mpmath.mpf(c))), "mpmath", c=c)

json.dump(
    {
        "made by": "test/golden/metrics.py",
        "versions": {"scipy": scipy.__version__, "scikit-learn": sklearn.__version__, "numpy": np.__version__, "mpmath": mpmath.__version__},
        "cases": cases,
    },
    sys.stdout,
)
