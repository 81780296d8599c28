"""Golden values of measures and calibration from scikit-learn and scipy, for test/golden/ood.test.ts.

Run: python3 -m venv v && v/bin/pip install numpy scipy scikit-learn
     v/bin/python test/golden/ood.py > test/golden/ood.json
roc_curve keeps every threshold: by default it drops points on straight lines, which with ties can skip
the first threshold that reaches the rate.
"""

import json
import sys

import numpy as np
import scipy
import sklearn
from scipy.stats import beta, binom, false_discovery_control
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

rng = np.random.default_rng(20250222)
RATES = [0.5, 0.8, 0.95]

measures = []
for positives, negatives, digits in [(7, 5, 0), (20, 30, 0), (40, 25, 1), (50, 50, 9), (3, 60, 1)]:
    p = np.round(rng.normal(1, 1, positives), digits)
    n = np.round(rng.normal(0, 1, negatives), digits)
    scores = np.concatenate([p, n])
    marks = np.concatenate([np.ones(positives), np.zeros(negatives)])
    fpr, tpr, _ = roc_curve(marks, scores, drop_intermediate=False)
    measures.append(
        {
            "positive": p.tolist(),
            "negative": n.tolist(),
            "auroc": roc_auc_score(marks, scores),
            "averagePrecision": average_precision_score(marks, scores),
            "averagePrecisionOfNegative": average_precision_score(1 - marks, -scores),
            "fpr": [[rate, float(fpr[np.argmax(tpr >= rate)])] for rate in RATES],
        }
    )

discoveries = []
for m, digits in [(1, 2), (10, 2), (25, 1), (60, 3)]:
    p = np.round(rng.uniform(0, 1, m) ** 2, digits)
    discoveries.append(
        {
            "pValues": p.tolist(),
            "hochberg": false_discovery_control(p, method="bh").tolist(),
            "yekutieli": false_discovery_control(p, method="by").tolist(),
        }
    )

thresholds = []
for n, tpr, confidence in [
    (59, 0.95, 0.95),
    (60, 0.95, 0.95),
    (93, 0.95, 0.95),
    (100, 0.9, 0.99),
    (300, 0.5, 0.9),
    (500, 0.99, 0.99),
    (1000, 0.95, 0.95),
    (20000, 0.95, 0.999),
    (1000000, 0.95, 0.95),
]:
    k = np.arange(1, n + 1)
    cdf = binom.cdf(k - 1, n, tpr)
    rank = int(k[np.argmax(cdf >= confidence)])
    thresholds.append(
        {"rows": n, "tpr": tpr, "confidence": confidence, "rank": rank, "attained": float(cdf[rank - 1])}
    )

limits = [
    {"rows": n, "accepted": k, "confidence": c, "limit": float(beta.ppf(1 - c, k, n - k + 1))}
    for n, k, c in [(1, 1, 0.95), (10, 3, 0.9), (50, 50, 0.95), (100, 95, 0.99), (2000, 1900, 0.95), (2000, 1, 0.5)]
]

json.dump(
    {
        "made by": "test/golden/ood.py",
        "versions": {"scipy": scipy.__version__, "scikit-learn": sklearn.__version__, "numpy": np.__version__},
        "measures": measures,
        "discoveries": discoveries,
        "thresholds": thresholds,
        "limits": limits,
    },
    sys.stdout,
)
