"""Golden values of out-of-distribution scores from NumPy, SciPy, scikit-learn and pytorch-ood, for
test/golden/scorers.test.ts.

Run: python3 -m venv v && v/bin/pip install numpy scipy scikit-learn torch pytorch-ood
     v/bin/python scripts/golden/scorers.py > test/golden/scorers.json
Inputs are float32 numbers, all arithmetic is float64. Higher scores are less like the bank.
"""

import json
import sys

import numpy as np
import pytorch_ood
import scipy
import sklearn
import torch
from pytorch_ood import detector as ood
from scipy.optimize import minimize_scalar
from sklearn.covariance import EmpiricalCovariance
from sklearn.mixture import GaussianMixture
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

def neighbour_guidance(k):
    unit = lambda v: v / np.linalg.norm(v, axis=1, keepdims=True)
    guides = (unit(queries) @ unit(features).T) * energy(features)
    return -energy(queries) * np.sort(guides, axis=1)[:, -k:].mean(axis=1)


def round32(values):
    return values.astype("float32").astype("float64")


# What the scores below need besides. The bank's labels follow its logits but for every fifth row, so that
# each class has rows that are rightly predicted, and the best temperature is a finite one.
bank_logits = round32(features @ weight + bias)
guesses = bank_logits.argmax(axis=1)
targets = np.where(np.arange(ROWS) % 5 == 0, (guesses + 1) % CLASSES, guesses)
assert len(set(guesses)) == CLASSES
rectified = np.abs(rows(QUERIES))
errors = np.abs(rng.normal(size=ROWS)).astype("float32").astype("float64")
query_errors = np.abs(rng.normal(size=QUERIES)).astype("float32").astype("float64")
clusters = round32(centres[labels] * 4 + rows(ROWS))

# Some detectors of pytorch-ood round what they are given to float32. Here they compute in float64.
torch.Tensor.float = torch.Tensor.double
torch.set_default_dtype(torch.float64)


class Head(torch.nn.Linear):
    """The head as a module; feature maps of 1 x 1 pixels, which ASH and SCALE ask for, become features."""

    def __init__(self):
        super().__init__(FEATURES, CLASSES)
        self.weight.data, self.bias.data = torch.tensor(weight.T), torch.tensor(bias)

    def forward(self, x):
        return super().forward(x.flatten(1))


def maps(x):
    return torch.tensor(x)[:, :, None, None]


head, z, y = Head(), torch.tensor(features), torch.tensor(labels)
true, asked, identity = torch.tensor(targets), torch.tensor(queries), torch.nn.Identity()


def ash(variant):
    detector = ood.ASH(identity, head, variant=variant, percentile=0.65)
    return detector.predict_feature_maps(maps(rectified))


with torch.no_grad():
    library = {
        "klMatching": ood.KLMatching(None)
        .fit_logits(torch.tensor(bank_logits))
        .predict_logits(torch.tensor(logits)),
        "she": ood.SHE(identity, head).fit_features(z, true).predict_features(asked),
        "fdbd": ood.fDBD(identity, head).fit_features(z).predict_features(asked),
        "nnguide": ood.NNGuide(identity, head, k=5).fit_features(z, y).predict_features(asked),
        "react": ood.ReAct(identity, head, percentile=0.8)
        .fit_feature_maps(maps(features), y)
        .predict_feature_maps(maps(queries)),
        "ashPrune": ash("ash-p"),
        "ashBinarize": ash("ash-b"),
        "ashScale": ash("ash-s"),
        "scale": ood.SCALE(identity, head, percentile=0.5).predict_feature_maps(maps(rectified)),
        "gaussian": ood.GMM(None, reg=0).fit_features(z, y).predict_features(asked),
    }
library = {name: values.numpy() for name, values in library.items()}


def likelihood_loss(temperature):
    scaled = bank_logits / temperature
    return (log_sum_exp(scaled) - scaled[np.arange(ROWS), targets]).mean()


# pytorch-ood stops after 50 steps of L-BFGS with rate .01, short of the optimum: SciPy finds it.
temperature = np.exp(
    minimize_scalar(
        lambda log: likelihood_loss(np.exp(log)), bounds=(-3, 3), method="bounded", options={"xatol": 1e-9}
    ).x
)

# The same optimum of expectation maximisation from anywhere: the clusters lie far apart.
mixture = GaussianMixture(CLASSES, tol=1e-12, reg_covar=0, max_iter=1000, n_init=5, random_state=0)
mixture.fit(clusters)

latent = EmpiricalCovariance().fit(features)
distances = np.sqrt(latent.mahalanobis(features))

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
    **library,
    "temperatureScaling": 1 - softmax(logits / temperature).max(axis=1),
    "gmm": -mixture.score_samples(queries),
    "mahalanobisReconstruction": np.sqrt(latent.mahalanobis(queries)) / distances.std()
    + query_errors / errors.std(),
    "reconstruction": query_errors,
}


def same(name, values, tolerance=1e-9):
    assert np.allclose(scores[name], values, rtol=tolerance, atol=tolerance), (name, scores[name], values)


# What both NumPy and pytorch-ood give must agree, after these conversions:
with torch.no_grad():
    shown = torch.tensor(logits)
    # -(largest probability), without the 1.
    same("msp", 1 + ood.MaxSoftmax(None).predict_logits(shown).numpy())
    same("maxLogit", ood.MaxLogit(None).predict_logits(shown).numpy())
    same("energy", ood.EnergyBased(None, t=2).predict_logits(shown).numpy())
    # The mean over the M classes instead of the sum.
    same("gen", 2 * ood.GEN(None, gamma=0.1, M=2).predict_logits(shown).numpy(), 1e-5)
    # Half the distance, by the sum of outer products (+ 1e-6 I) instead of the covariance.
    half = ood.Mahalanobis(None).fit_features(z, y).predict_features(asked).numpy()
    same("mahalanobis", 2 * ROWS * half, 1e-5)
    # Not halved, but by sums as well.
    relative = ood.RMD(None).fit_features(z, y).predict_features(asked).numpy()
    same("relativeMahalanobis", ROWS * relative, 1e-5)
    vim = ood.ViM(None, PRINCIPAL, torch.tensor(weight.T), torch.tensor(bias))
    same("vim", vim.fit_features(z, y).predict_features(asked).numpy())
    # scikit-learn inside, which pytorch-ood hands float32 rows.
    same("knn", ood.KNN(None, k=3).fit_features(z, y).predict_features(asked).numpy(), 1e-6)
same("nnguide", neighbour_guidance(5))
json.dump(
    {
        "versions": {
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
            "torch": torch.__version__,
            "pytorch-ood": pytorch_ood.__version__,
        },
        "bank": {
            "features": features.tolist(),
            "labels": labels.tolist(),
            "weight": weight.tolist(),
            "bias": bias.tolist(),
            "logits": bank_logits.tolist(),
            "targets": targets.tolist(),
            "errors": errors.tolist(),
            "clusters": clusters.tolist(),
        },
        "queries": queries.tolist(),
        "logits": logits.tolist(),
        "rectified": rectified.tolist(),
        "errors": query_errors.tolist(),
        "scores": {name: values.tolist() for name, values in scores.items()},
    },
    sys.stdout,
    indent=1,
)
