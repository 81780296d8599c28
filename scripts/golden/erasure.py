"""Golden values of concept erasure from NumPy and concept-erasure, for test/golden/erasure.test.ts.

Run: python3 -m venv v && v/bin/pip install numpy torch concept-erasure
     v/bin/python scripts/golden/erasure.py > test/golden/erasure.json
Inputs are float32 numbers, all arithmetic is float64.
"""

import importlib.metadata
import json
import sys

import numpy as np
import torch
from concept_erasure.leace import LeaceFitter

rng = np.random.default_rng(20250222)
ROWS, QUERIES, FEATURES, CLASSES = 50, 8, 6, 3


def float32(values):
    return values.astype("float32").astype("float64")


labels = rng.integers(0, CLASSES, ROWS)
mix = rng.normal(size=(FEATURES, FEATURES))
features = float32(rng.normal(size=(ROWS, FEATURES)) @ mix + rng.normal(size=(CLASSES, FEATURES))[labels])
queries = float32(rng.normal(size=(QUERIES, FEATURES)) * 3)
one_hot = np.eye(CLASSES)[labels]


def library(method):
    """The authors' library. Its defaults are not the theorem: it shrinks the covariance, mixes in an
    orthogonal projection where the variance would grow, and drops correlations below .01, so all three are
    turned off. Its covariances divide by n - 1, which cancels in the projection."""
    fitter = LeaceFitter(
        FEATURES,
        CLASSES,
        method,
        dtype=torch.float64,
        shrinkage=False,
        constrain_cov_trace=False,
        svd_tol=1e-8,
    ).update(torch.tensor(features), torch.tensor(one_hot))
    return fitter.eraser(torch.tensor(queries)).numpy()


def theorem():
    """x - S^{1/2} P S^{-1/2} (x - m), with the symmetric root by eigenvectors."""
    mean = features.mean(axis=0)
    centred = features - mean
    covariance = centred.T @ centred / ROWS
    crossed = centred.T @ (one_hot - one_hot.mean(axis=0)) / ROWS
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(values) @ vectors.T
    whiten = np.linalg.inv(root)
    whitened = whiten @ crossed
    onto = whitened @ np.linalg.pinv(whitened, rcond=1e-10)
    return queries - (queries - mean) @ (root @ onto @ whiten).T


erased = {"leace": library("leace"), "nullProjection": library("orth")}
assert np.abs(theorem() - erased["leace"]).max() < 1e-10
json.dump(
    {
        "versions": {
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "torch": torch.__version__,
            "concept-erasure": importlib.metadata.version("concept-erasure"),
        },
        "features": features.tolist(),
        "labels": labels.tolist(),
        "queries": queries.tolist(),
        "erased": {name: values.tolist() for name, values in erased.items()},
    },
    sys.stdout,
    indent=1,
)
