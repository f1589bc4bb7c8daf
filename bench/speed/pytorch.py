"""The training step of problems.ts in PyTorch on the CPU: losses of the first steps, then milliseconds a step and a product.

python3 pytorch.py FOLDER THREADS MILLISECONDS, where FOLDER/manifest.json names tensors and their places in FOLDER/data.bin.
Prints one line of JSON.
"""
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

folder, threads, milliseconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
torch.set_num_threads(threads)
manifest = json.loads((folder / "manifest.json").read_text())
raw = (folder / "data.bin").read_bytes()


def tensor(name):
    entry = manifest["tensors"][name]
    kind = torch.int32 if entry["integer"] else torch.float32
    size = 1
    for length in entry["shape"]:
        size *= length
    return torch.frombuffer(bytearray(raw[entry["offset"] : entry["offset"] + 4 * size]), dtype=kind).reshape(entry["shape"])


c = manifest["config"]
B, T, D, H = c["batch"], c["sequence"], c["hiddenSize"], c["heads"]
names = manifest["parameters"]
p = {name: tensor(name).clone().requires_grad_() for name in names}
ids, positions, labels = (tensor(name).long() for name in ("ids", "positions", "labels"))


def norm(x, key):
    return F.layer_norm(x, (D,), p[f"{key}.weight"], p[f"{key}.bias"], c["layerNormEps"])


def dense(x, key):
    return F.linear(x, p[f"{key}.weight"], p[f"{key}.bias"])


def loss():
    e = "bert.embeddings"
    x = p[f"{e}.word_embeddings.weight"][ids.view(B, T)] + p[f"{e}.position_embeddings.weight"][:T]
    x = norm(x + p[f"{e}.token_type_embeddings.weight"][0], f"{e}.LayerNorm")
    for layer in range(c["layers"]):
        k = f"bert.encoder.layer.{layer}"
        q, key, v = (dense(x, f"{k}.attention.self.{n}").view(B, T, H, D // H).transpose(1, 2) for n in ("query", "key", "value"))
        mixed = F.scaled_dot_product_attention(q, key, v).transpose(1, 2).reshape(B, T, D)
        x = norm(dense(mixed, f"{k}.attention.output.dense") + x, f"{k}.attention.output.LayerNorm")
        x = norm(dense(F.gelu(dense(x, f"{k}.intermediate.dense")), f"{k}.output.dense") + x, f"{k}.output.LayerNorm")
    h = "cls.predictions"
    rows = norm(F.gelu(dense(x.view(B * T, D)[positions], f"{h}.transform.dense")), f"{h}.transform.LayerNorm")
    return F.cross_entropy(F.linear(rows, p[f"{e}.word_embeddings.weight"], p[f"{h}.bias"]), labels)


plain = lambda name: name.endswith("bias") or "LayerNorm" in name
groups = [
    {"params": [p[n] for n in names if not plain(n)], "weight_decay": c["weightDecay"]},
    {"params": [p[n] for n in names if plain(n)], "weight_decay": 0.0},
]
optimiser = torch.optim.AdamW(groups, lr=c["learningRate"], betas=(0.9, 0.999), eps=1e-8, foreach=True)


def step():
    optimiser.zero_grad(set_to_none=True)
    value = loss()
    value.backward()
    torch.nn.utils.clip_grad_norm_(list(p.values()), 1.0)
    optimiser.step()
    return value


def timed(work):
    samples, end = [], time.perf_counter() + milliseconds / 1000
    work()
    while len(samples) < 3 or time.perf_counter() < end:
        before = time.perf_counter()
        work()
        samples.append((time.perf_counter() - before) * 1000)
    return samples


losses = [step().item() for _ in range(c["comparedSteps"])]
products = []
for m, k, n in manifest["products"]:
    a, b = torch.randn(m, k), torch.randn(k, n)
    products.append(timed(lambda: torch.mm(a, b)))
print(json.dumps({"version": torch.__version__, "losses": losses, "step": timed(step), "products": products}))
