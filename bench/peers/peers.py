"""Times nearest neighbours in Python libraries on the arrays that the benchmark wrote.

usage: python peers.py request.json

The request: {"queries": file.npy, "points": file.npy, "k": 10, "metric": "euclidean", "threads": 1,
"budget": seconds for one run, "rows": checked rows, "subjects": [...], "p": power}
Or {"train": {"kind": "dense" or "conv", "batches": 235, "batch": 256, "device": "cpu" or "cuda"},
"threads": 2, "budget": 15}: an epoch of training.
Prints one JSON object: {"timed": [{"subject", "items", "times", "distances", "indices"}],
"missing": [{"subject", "reason"}], "versions": {...}, "ceilings": {"gflops", "gbytes"}}.
"""

import json
import os
import sys
import time

# Settings of the machine for OpenBLAS would speak for another processor than this one.
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)

MAX_RUNS = 15
MIN_RUNS = 3
PROBE = 16


def load(path):
    import numpy

    return numpy.load(path)


class Sklearn:
    subject = "scikit-learn brute"

    def __init__(self, request, points):
        from sklearn.neighbors import NearestNeighbors
        from threadpoolctl import threadpool_limits

        self.limits = threadpool_limits(limits=request["threads"])
        options = {"metric": request["metric"]}
        if request.get("p"):
            options["p"] = request["p"]
        self.search = NearestNeighbors(
            n_neighbors=request["k"], algorithm="brute", n_jobs=request["threads"], **options
        ).fit(points)

    def run(self, queries):
        return self.search.kneighbors(queries)


class Faiss:
    subject = "faiss-cpu IndexFlatL2"

    def __init__(self, request, points):
        import faiss

        if request["metric"] not in ("euclidean", "sqeuclidean"):
            raise NotImplementedError("euclidean only")
        faiss.omp_set_num_threads(request["threads"])
        self.k = request["k"]
        self.root = request["metric"] == "euclidean"
        self.index = faiss.IndexFlatL2(points.shape[1])
        self.index.add(points)

    def run(self, queries):
        import numpy

        squares, indices = self.index.search(queries, self.k)
        return (numpy.sqrt(squares) if self.root else squares), indices


class Torch:
    """torch.cdist and topk on CUDA, in slabs of queries that fit 4 GiB."""

    subject = "torch.cdist + topk (CUDA)"

    def __init__(self, request, points):
        import torch

        if not torch.cuda.is_available():
            raise ImportError("torch sees no CUDA device")
        if request["metric"] != "euclidean":
            raise NotImplementedError("euclidean only")
        torch.set_num_threads(request["threads"])
        self.torch = torch
        self.k = request["k"]
        self.points = torch.from_numpy(points).cuda()
        self.slab = max(1, 2**30 // points.shape[0])
        self.uploaded = {}

    def run(self, queries):
        torch = self.torch
        # Ours has its queries on the device too.
        key = queries.shape[0]
        if key not in self.uploaded:
            self.uploaded[key] = torch.from_numpy(queries).cuda()
        parts = [
            torch.topk(torch.cdist(slab, self.points), self.k, dim=1, largest=False)
            for slab in self.uploaded[key].split(self.slab)
        ]
        distances = torch.cat([part.values for part in parts]).cpu().numpy()
        indices = torch.cat([part.indices for part in parts]).cpu().numpy()
        return distances, indices


class Cuvs:
    """Brute force of RAPIDS cuVS."""

    subject = "cuVS brute_force (CUDA)"

    def __init__(self, request, points):
        import cupy
        from cuvs.neighbors import brute_force

        if request["metric"] != "euclidean":
            raise NotImplementedError("euclidean only")
        self.cupy = cupy
        self.brute_force = brute_force
        self.k = request["k"]
        self.index = brute_force.build(cupy.asarray(points), metric="euclidean")
        self.uploaded = {}

    def run(self, queries):
        cupy = self.cupy
        # Ours has its queries on the device too.
        key = queries.shape[0]
        if key not in self.uploaded:
            self.uploaded[key] = cupy.asarray(queries)
        found = self.brute_force.search(self.index, self.uploaded[key], self.k)
        distances, indices = (cupy.asarray(part).get() for part in found)
        return distances, indices


PEERS = {"sklearn": Sklearn, "faiss": Faiss, "torch": Torch, "cuvs": Cuvs}
HOW = {
    "sklearn": "pip install scikit-learn",
    "faiss": "pip install faiss-cpu",
    "torch": "pip install torch, on a machine with CUDA",
    "cuvs": "pip install cuvs-cu12 cupy-cuda12x, on a machine with CUDA 12",
}


def timed(peer, queries, request):
    rows = request["rows"]
    distances, indices = peer.run(queries[:rows])
    probe = min(PROBE, len(queries))
    peer.run(queries[:probe])
    start = time.perf_counter()
    peer.run(queries[:probe])
    each = (time.perf_counter() - start) / probe
    items = min(len(queries), max(probe, int(request["budget"] / each)))
    some = queries[:items]
    peer.run(some)
    times = []
    begin = time.perf_counter()
    while len(times) < MAX_RUNS and (
        len(times) < MIN_RUNS or time.perf_counter() - begin < request["budget"]
    ):
        start = time.perf_counter()
        peer.run(some)
        times.append((time.perf_counter() - start) * 1000)
    return {
        "subject": peer.subject,
        "items": items,
        "times": times,
        "distances": distances.astype("float64").ravel().tolist(),
        "indices": indices.ravel().tolist(),
    }


TRAINING = {"cpu": "PyTorch (CPU)", "cuda": "PyTorch (CUDA)"}


def sage_network(kind):
    """The layers of SAGE, architectures mlp (hidden 256, 64; latent 16) and conv (width 16; latent 32)."""
    from torch import nn

    def chain(sizes):
        layers = []
        for i in range(len(sizes) - 1):
            layers.append(nn.Linear(sizes[i], sizes[i + 1]))
            if i < len(sizes) - 2:
                layers.append(nn.LeakyReLU(0.01))
        return nn.Sequential(*layers)

    class Crop(nn.Module):
        """Rows and columns `first` to `first + size`: the padding of TensorFlow's "same"."""

        def __init__(self, first, size):
            super().__init__()
            self.span = slice(first, first + size)

        def forward(self, x):
            return x[:, :, self.span, self.span]

    latent = 16 if kind == "dense" else 32
    head = chain([latent, 20, 10])
    if kind == "dense":
        return chain([784, 256, 64, 16]), chain([16, 64, 256, 784]), head
    act = nn.LeakyReLU(0.01)
    odd, even = nn.ZeroPad2d((0, 1, 0, 1)), nn.ZeroPad2d(1)
    encoder = nn.Sequential(
        *(nn.Unflatten(1, (1, 28, 28)), odd, nn.Conv2d(1, 16, 3, 2), act),
        *(odd, nn.Conv2d(16, 32, 3, 2), act, even, nn.Conv2d(32, 32, 3, 2), act),
        *(nn.Flatten(), nn.Linear(512, latent)),
    )
    decoder = nn.Sequential(
        *(nn.Linear(latent, 512), act, nn.Unflatten(1, (32, 4, 4))),
        *(nn.ConvTranspose2d(32, 32, 3, 2), Crop(1, 7), act),
        *(nn.ConvTranspose2d(32, 16, 3, 2), Crop(0, 14), act),
        *(nn.ConvTranspose2d(16, 1, 3, 2), Crop(0, 28), nn.Flatten()),
    )
    return encoder, decoder, head


def train(request):
    """Epochs of SAGE: loss = cross-entropy + 3 mean squared error, Adam, rows in memory."""
    import torch
    from torch.nn import functional

    if request["threads"] is not None:
        torch.set_num_threads(request["threads"])
    torch.manual_seed(1)
    kind, batches, batch, device = (
        request["train"][name] for name in ("kind", "batches", "batch", "device")
    )
    if device == "cuda" and not torch.cuda.is_available():
        raise ImportError("torch sees no CUDA device")
    networks = [network.to(device) for network in sage_network(kind)]
    encoder, decoder, head = networks
    parameters = [p for network in networks for p in network.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=2e-3, eps=1e-7)
    x = torch.rand(batches * batch, 784).to(device)
    y = (torch.arange(batches * batch) % 10).to(device)

    def epoch(steps):
        order = torch.randperm(len(x), device=device)
        for step in range(steps):
            rows = order[step * batch : (step + 1) * batch]
            own = x[rows]
            latents = encoder(own)
            loss = functional.cross_entropy(head(latents), y[rows])
            loss = loss + 3 * functional.mse_loss(decoder(latents), own)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        # Kernels run behind the program's back: the epoch ends when its last loss is known.
        loss.item()

    epoch(min(batches, 3))
    times = []
    begin = time.perf_counter()
    while len(times) < MAX_RUNS and (
        len(times) < MIN_RUNS or time.perf_counter() - begin < request["budget"]
    ):
        start = time.perf_counter()
        epoch(batches)
        times.append((time.perf_counter() - start) * 1000)
    subject = TRAINING[device]
    return {"subject": subject, "items": batches, "times": times, "distances": [], "indices": []}


def ceilings(threads):
    """GFLOP/s of a large float32 matrix product, GB/s read plus written of a large copy."""
    import numpy
    from threadpoolctl import threadpool_limits

    a = numpy.ones((1536, 1536), "float32")
    source = numpy.ones(2**25, "float32")
    target = numpy.empty_like(source)
    with threadpool_limits(limits=threads):
        product = best(lambda: a @ a)
    copy = best(lambda: numpy.copyto(target, source))
    return {"gflops": 2 * 1536**3 / product / 1e9, "gbytes": 2 * source.nbytes / copy / 1e9}


def best(run):
    run()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def versions():
    found = {"python": sys.version.split()[0]}
    for name in ("numpy", "sklearn", "faiss", "torch", "cuvs"):
        try:
            found[name] = __import__(name).__version__
        except ImportError:
            pass
    return found


def main(request):
    result = {"timed": [], "missing": [], "versions": {}}
    if request.get("ceilings"):
        result["versions"] = versions()
        result["ceilings"] = ceilings(request["threads"])
        return result
    if request.get("train"):
        try:
            result["timed"].append(train(request))
        except ImportError as error:
            reason = f"{error}; pip install torch"
            subject = TRAINING[request["train"]["device"]]
            result["missing"].append({"subject": subject, "reason": reason})
        return result
    queries, points = load(request["queries"]), load(request["points"])
    for name in request["subjects"]:
        kind = PEERS[name]
        try:
            result["timed"].append(timed(kind(request, points), queries, request))
        except NotImplementedError as error:
            result["missing"].append({"subject": kind.subject, "reason": str(error)})
        except ImportError as error:
            reason = f"{error}; {HOW[name]}"
            result["missing"].append({"subject": kind.subject, "reason": reason})
        except Exception as error:  # one peer's failure must not take the others along
            reason = f"failed: {type(error).__name__}: {error}".splitlines()[0]
            result["missing"].append({"subject": kind.subject, "reason": reason})
    return result


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(json.dumps(main(json.load(file))))
