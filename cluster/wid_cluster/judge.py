"""Held-out numbers and attention similarity (docs/method.md section 7)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Callable, Mapping

import torch
from torch import Tensor

from .batches import masked, to_device
from .job import Job
from .losses import cross_entropy
from .masking import Masking, mixed
from .model import Batch, Laid
from .packing import Packed
from .processes import Processes

#: BERT's own masking: everything is judged by it, so that runs can be compared.
PLAIN = Masking(0.15, 0.0, False)
#: Held-out batches of the recipe's size, and sequences whose attention is compared.
BATCHES = 8
_SEQUENCES = 4
_MOST_BINS = 64


class Judge:
    """Teacher and student on the same fixed batches of held-out text, shared out among the processes."""

    def __init__(self, job: Job, teacher: Laid, held: Packed, size: int, processes: Processes, precision: Callable[[], AbstractContextManager[Any]]) -> None:
        self.job, self.processes, self._precision = job, processes, precision
        seed = int(job.recipe["seed"])
        rows = len(held.rows)
        size = min(size, rows)
        self._batches: list[Batch] = []
        for number, start in enumerate(range(0, rows - size + 1, size)):
            if number % processes.count == processes.rank:
                self._batches.append(self._masked(held, start, size, seed))
        self._probe = self._masked(held, 0, min(_SEQUENCES, rows), seed)
        self._theirs: list[Tensor] = []
        with torch.no_grad():
            self._maps = self._attention(teacher) if processes.first else []
        self.teacher = self._judged(teacher, True)

    def _masked(self, held: Packed, start: int, size: int, seed: int) -> Batch:
        cut = Packed(held.rows[start : start + size], None if held.documents is None else held.documents[start : start + size])
        return masked(self.job, cut, [mixed(seed, 4, start + i) for i in range(len(cut.rows))], PLAIN)

    def student(self, laid: Laid) -> dict[str, float]:
        return self._judged(laid, False)

    @torch.no_grad()
    def _judged(self, laid: Laid, teacher: bool) -> dict[str, float]:
        loss, right, same, count = 0.0, 0, 0, 0
        for index, batch in enumerate(self._batches):
            batch = to_device(batch, self.processes.device)
            used = batch.labels >= 0
            with self._precision():
                answers = laid.answers(laid.at_positions(laid.encode(batch).hidden, batch))
            loss += float(cross_entropy(answers, batch.labels))
            best = answers.argmax(-1)
            if teacher:
                self._theirs.append(best)
            right += int((best == batch.labels)[used].sum())
            same += int((best == self._theirs[index])[used].sum())
            count += int(used.sum())
        total = self.processes.sum(torch.tensor([loss, right, same, count], dtype=torch.float64))
        answers_count = max(1.0, float(total[3]))
        return {"loss": float(total[0]) / answers_count, "accuracy": float(total[1]) / answers_count, "agreement": float(total[2]) / answers_count}

    def _attention(self, laid: Laid) -> list[Tensor]:
        return [maps.float() for maps in laid.encode(to_device(self._probe, self.processes.device), attention=True).attention]

    @torch.no_grad()
    def similarity(self, laid: Laid, heads: Mapping[int, list[int]]) -> dict[str, Any]:
        """:param heads: kept heads by teacher layer; on the first process"""
        layers: list[list[float]] = []
        origins: list[list[int]] = []
        cosines: list[float] = []
        chances: list[float] = []
        queries = self._probe.tokens.to(self.processes.device)
        for ours, source in zip(self._attention(laid), self.job.blueprint.table.layer_map):
            theirs = self._maps[source]
            origin = heads.get(source, list(range(ours.shape[1])))[: ours.shape[1]]
            likeness = [[_likeness(theirs[:, other], ours[:, head], queries) for other in range(theirs.shape[1])] for head in range(len(origin))]
            layers.append([likeness[head][source_head][0] for head, source_head in enumerate(origin)])
            cosines += [likeness[head][source_head][1] for head, source_head in enumerate(origin)]
            origins.append(origin)
            apart = [found[0] for head, row in enumerate(likeness) for other, found in enumerate(row) if other != origin[head]]
            chances.append(_mean(apart or layers[-1]))
        return {
            "layers": layers,
            "origins": origins,
            "mean": _mean([x for layer in layers for x in layer]),
            "cosine": _mean(cosines),
            "chance": _mean(chances),
        }


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / max(1, len(numbers))


def _likeness(p: Tensor, q: Tensor, queries: Tensor) -> tuple[float, float]:
    """1 - Jensen-Shannon divergence in bits, and cosine, of rows [B, T, T], averaged over queries that are not padding."""
    p, q = p[queries].double(), q[queries].double()
    middle = (p + q) / 2
    bits = torch.where(p > 0, p * torch.log2(p / middle), 0).sum(-1) + torch.where(q > 0, q * torch.log2(q / middle), 0).sum(-1)
    cosine = torch.nn.functional.cosine_similarity(p, q, dim=-1, eps=1e-300)
    return float((1 - bits / 2).mean()), float(cosine.mean())


def binned(values: list[float]) -> list[float]:
    """Means over at most 64 stretches of neighbours that differ by at most one in length."""
    bins = min(_MOST_BINS, len(values))
    cuts = [bin * len(values) // bins for bin in range(bins + 1)]
    return [_mean(values[a:b]) for a, b in zip(cuts, cuts[1:])]


def norms_of(job: Job, trained: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    """How much of every teacher dimension goes through its compactor, by space."""
    from .merge import EMBEDDINGS, compactor_name
    from .paper import side_norms

    layers = range(len(job.blueprint.table.layer_map))
    projected = job.blueprint.teacher.find("embeddingProjection") is not None
    if job.mode == "paper":
        wanted = [("residual", None, compactor_name("value", 0, "L"), "columns")]
        wanted += [("embedding", None, compactor_name("embeddingProjection", None, "L"), "columns")]
        for layer in layers:
            wanted.append(("valueOutput", layer, compactor_name("attentionOutput", layer, "L"), "columns"))
            wanted.append(("ffn", layer, compactor_name("contraction", layer, "L"), "columns"))
        wanted.append(("mlm", None, compactor_name("decoder", None, "L"), "columns"))
    else:
        wanted = [("embedding" if projected else "residual", None, EMBEDDINGS, "rows")]
        wanted += [("residual", None, compactor_name("embeddingProjection", None, "R"), "columns")] if projected else []
        for layer in layers:
            wanted.append(("queryKey", layer, compactor_name("query", layer, "R"), "columns"))
            wanted.append(("valueOutput", layer, compactor_name("value", layer, "R"), "columns"))
            wanted.append(("ffn", layer, compactor_name("expansion", layer, "R"), "columns"))
        wanted.append(("mlm", None, compactor_name("transform", None, "R"), "columns"))
    report: list[dict[str, Any]] = []
    for space, place, name, side in wanted:
        if name in trained:
            norms = side_norms(trained[name].detach(), side).tolist()
            report.append({"space": space, "layer": place, "size": len(norms), "norms": binned(norms)})
    return report
