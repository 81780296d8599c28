"""Golden values of out-of-distribution scores from NumPy and scikit-learn, for test/golden/scorers.test.ts.

Run: python3 -m venv v && v/bin/pip install numpy scikit-learn
     v/bin/python scripts/golden/scorers.py > test/golden/scorers.json
Inputs are float32 numbers, all arithmetic is float64. Higher scores are less like the bank.
"""

import json
import sys

import numpy as np
import sklearn
from sklearn.covariance import EmpiricalCovariance
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

rng = np.random.default_rng(20250222)
ROWS, QUERIES, FEATURES, CLASSES, PRINCIPAL = 40, 8, 6, 3, 4


def rows(count, spread=1.0, at=0.0):
    return (rng.normal(size=(count, FEATURES)) * spread + at).astype("float32").astype("float64")


labels = rng.integers(0, CLASSES, ROWS)
centres = rows(CLASSES, 2.0)
features = (centres[labels] + rows(ROWS)).astype("float32").astype("float64")
queries = np.concatenate([rows(QUERIES // 2, 2.0), rows(QUERIES // 2, 1.0, 4.0)])
weight = rows(CLASSES).T
bias = rng.normal(size=CLASSES).astype("float32").astype("float64")
# Logits as a model would hand them over: rounded.
logits = (queries @ weight + bias).astype("float32").astype("float64")


def log_sum_exp(z):
    top = z.max(axis=1, keepdims=True)
    return (top + np.log(np.exp(z - top).sum(axis=1, keepdims=True)))[:, 0]


def softmax(z):
    return np.exp(z - log_sum_exp(z)[:, None])


def gen(gamma, top):
    p = np.sort(softmax(logits), axis=1)[:, ::-1][:, :top]
    return (p**gamma * (1 - p) ** gamma).sum(axis=1)


means = np.stack([features[labels == c].mean(axis=0) for c in range(CLASSES)])
within = EmpiricalCovariance(assume_centered=True).fit(features - means[labels])


def nearest_class(x):
    return np.min([within.mahalanobis(x - mean) for mean in means], axis=0)


def neighbours(k, normalize):
    unit = (lambda v: v / np.linalg.norm(v, axis=1, keepdims=True)) if normalize else (lambda v: v)
    return NearestNeighbors(n_neighbors=k).fit(unit(features)).kneighbors(unit(queries))[0]


origin = -np.linalg.pinv(weight.T) @ bias
values, vectors = np.linalg.eigh((features - origin).T @ (features - origin) / ROWS)
complement = vectors[:, np.argsort(values)[: FEATURES - PRINCIPAL]]


def residual(x):
    return np.linalg.norm((x - origin) @ complement, axis=1)


def energy(x):
    return log_sum_exp(x @ weight + bias)


alpha = (features @ weight + bias).max(axis=1).sum() / residual(features).sum()

scores = {
    "msp": 1 - softmax(logits).max(axis=1),
    "maxLogit": -logits.max(axis=1),
    "energy": -2 * log_sum_exp(logits / 2),
    "gen": gen(0.1, 2),
    "mahalanobis": nearest_class(queries),
    "relativeMahalanobis": nearest_class(queries)
    - EmpiricalCovariance().fit(features).mahalanobis(queries),
    "knn": neighbours(3, True)[:, -1],
    "knnMean": neighbours(3, False).mean(axis=1),
    "lof": -LocalOutlierFactor(n_neighbors=4, novelty=True).fit(features).score_samples(queries),
    "residual": residual(queries),
    "vim": alpha * residual(queries) - energy(queries),
}
json.dump(
    {
        "versions": {
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "bank": {
            "features": features.tolist(),
            "labels": labels.tolist(),
            "weight": weight.tolist(),
            "bias": bias.tolist(),
        },
        "queries": queries.tolist(),
        "logits": logits.tolist(),
        "scores": {name: values.tolist() for name, values in scores.items()},
    },
    sys.stdout,
    indent=1,
)
