"""Times the scores of SAGE in NumPy and scikit-learn's ball tree, with the weights of our model.

usage: python sage.py request.json

The request: {"arrays": {name: file.npy}, "rows": file.npy, "k": 25, "metric": "manhattan", "temperature": 1,
"slope": of leaky ReLU, "threads": 1, "budget": seconds for one run, "checked": rows whose scores are wanted}
Prints one JSON object: {"subject", "items", "times", "scores", "versions"}.
"""

import json
import os
import sys
import time

for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)

import numpy as np
import sklearn
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

PROBE = 256
BATCH = 4096
RUNS = 3


class Pipeline:
    def __init__(self, request):
        load = lambda path: np.load(path)
        self.arrays = {name: load(path) for name, path in request["arrays"].items()}
        self.request = request
        self.neighbours = NearestNeighbors(
            n_neighbors=request["k"],
            algorithm="ball_tree",
            metric=request["metric"],
            n_jobs=request["threads"],
        ).fit(self.arrays["bank/latents"])

    def run_layers(self, prefix, x):
        names = [n for n in self.arrays if n.startswith(prefix + ".") and n.endswith(".kernel")]
        names.sort(key=lambda n: int(n.split(".")[1]))
        for i, name in enumerate(names):
            x = x @ self.arrays[name] + self.arrays[name.replace("kernel", "bias")]
            if i + 1 < len(names):
                np.maximum(x, np.float32(self.request["slope"]) * x, out=x)
        return x

    def batch(self, x):
        a = self.arrays
        if "input.mean" in a:
            x = ((x - a["input.mean"]) / a["input.deviation"]).astype("float32")
        latents = self.run_layers("encoder", x)
        errors = np.mean((self.run_layers("decoder", latents) - x) ** 2, axis=1)
        logits = self.run_layers("head", latents).astype("float64") / self.request["temperature"]
        distances, _ = self.neighbours.kneighbors(latents)
        top = logits.max(axis=1, keepdims=True)
        raw = {
            "distance": np.log(distances.mean(axis=1)),
            "reconstruction": errors,
            "task": np.log(np.exp(logits - top).sum(axis=1)),
        }
        score = np.zeros(len(x))
        for name, values in raw.items():
            ref = a["bank/calibration." + name]
            n = len(ref)
            score += np.log((1 + n - np.searchsorted(ref, values, side="left")) / (n + 1)) / 3
        return np.exp(score)

    def run(self, rows):
        return np.concatenate([self.batch(rows[i : i + BATCH]) for i in range(0, len(rows), BATCH)])


def main(request):
    with threadpool_limits(limits=request["threads"]):
        pipeline = Pipeline(request)
        rows = np.load(request["rows"])
        scores = pipeline.run(rows[: request["checked"]])
        start = time.perf_counter()
        pipeline.run(rows[:PROBE])
        each = (time.perf_counter() - start) / PROBE
        items = min(len(rows), max(PROBE, int(request["budget"] / each)))
        times = []
        for _ in range(RUNS):
            start = time.perf_counter()
            pipeline.run(rows[:items])
            times.append((time.perf_counter() - start) * 1000)
    return {
        "subject": "NumPy + scikit-learn ball tree",
        "items": items,
        "times": times,
        "scores": scores.tolist(),
        "versions": {"numpy": np.__version__, "sklearn": sklearn.__version__},
    }


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(json.dumps(main(json.load(file))))
