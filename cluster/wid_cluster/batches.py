"""Batches: from the stream of rows, or handed over in a file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from .errors import JobError
from .job import Job
from .masking import Ids, Masking, mask_rows
from .model import Batch
from .packing import Packed
from .rows import RowStream


@dataclass(frozen=True)
class Step:
    """The part of one step's batch that a process trains on, in micro-batches on the CPU."""

    parts: list[Batch]


class Source(Protocol):
    def next(self) -> Step: ...


def batch_of(job: Job, rows: Packed, ids: Ids, places: Ids, labels: Ids) -> Batch:
    """
    :param ids: [B, T], masked
    :param places: [B, m], place in its row of every predicted token
    """
    count, length = ids.shape
    tokens = torch.from_numpy(rows.rows != job.special.pad)
    positions = torch.arange(length).expand(count, length)
    seen: Tensor | None = None
    if rows.documents is None:
        if not bool(tokens.all()):
            seen = tokens[:, None, None, :].expand(count, 1, length, length)
    else:
        numbers = torch.from_numpy(rows.documents.astype(np.int64))
        seen = ((numbers[:, :, None] == numbers[:, None, :]) & (numbers >= 0)[:, None, :])[:, None]
        starts = torch.zeros(count, length, dtype=torch.int64)
        fresh = numbers[:, 1:] != numbers[:, :-1]
        starts[:, 1:] = torch.cummax(torch.where(fresh, torch.arange(1, length), 0), 1).values
        positions = positions - starts
    if seen is not None:
        # Nothing comes of padding's queries, but a softmax over no keys is no number.
        seen = seen | torch.eye(length, dtype=torch.bool)
    flat = torch.from_numpy(places.astype(np.int64))
    flat = torch.where(flat >= 0, flat + torch.arange(count)[:, None] * length, -1)
    return Batch(
        ids=torch.from_numpy(ids.astype(np.int64)),
        places=(positions + job.blueprint.teacher.position_offset).contiguous(),
        seen=seen,
        tokens=tokens,
        positions=flat.reshape(-1),
        labels=torch.from_numpy(labels.astype(np.int64)).reshape(-1),
    )


def to_device(batch: Batch, device: torch.device) -> Batch:
    moved = {f.name: getattr(batch, f.name) for f in fields(batch)}
    return Batch(**{name: None if x is None else x.to(device, non_blocking=True) for name, x in moved.items()})


class StreamSource:
    """Rows of the text, masked by the studio's rules."""

    def __init__(self, job: Job, stream: RowStream, rank: int, count: int, parts: int) -> None:
        self.job, self.stream, self.rank, self.count, self.parts = job, stream, rank, count, parts

    def next(self) -> Step:
        batch = int(self.job.recipe["batch"])
        rows = self.stream.next(batch)
        size = batch // (self.count * self.parts)
        found: list[Batch] = []
        for part in range(self.parts):
            start = (self.rank * self.parts + part) * size
            cut = slice(start, start + size)
            mine = Packed(rows.packed.rows[cut], None if rows.packed.documents is None else rows.packed.documents[cut])
            found.append(masked(self.job, mine, rows.seeds[cut], self.job.masking))
        return Step(found)


def masked(job: Job, rows: Packed, seeds: list[int], masking: Masking) -> Batch:
    vocabulary = min(int(job.plain["tokenizer"]["vocabularySize"]), int(job.blueprint.teacher.config["vocabSize"]))
    made = mask_rows(rows.rows, seeds, job.special, vocabulary, masking, job.continuations)
    return batch_of(job, rows, made.ids, made.places, made.labels)


class FileSource:
    """
    Batches that another trainer trained on: safetensors with `ids` and `tokens` [S, B, T], `places` and `labels` [S, B, m], and
    `documents` [S, B, T] if documents lie apart. Numbers may be float32.
    """

    def __init__(self, job: Job, path: Path, rank: int, count: int, parts: int, done: int) -> None:
        try:
            tensors = {name: tensor.numpy().astype(np.int32) for name, tensor in load_file(path).items()}
        except (OSError, SafetensorError) as error:
            raise JobError(f"batches: {path} — expected a safetensors file, got {error}. Correct --batches.") from None
        for name in ("ids", "tokens", "places", "labels"):
            if name not in tensors:
                raise JobError(f"batches: {path} — expected a tensor {name}, got {', '.join(tensors)}. Correct the file.")
        self.job, self.tensors, self.rank, self.count, self.parts, self.at = job, tensors, rank, count, parts, done

    def next(self) -> Step:
        t = self.tensors
        if self.at >= len(t["ids"]):
            raise JobError(f"batches: expected a batch for step {self.at + 1}, got {len(t['ids'])} in the file. Give more, or a job of fewer steps.")
        size = t["ids"].shape[1] // (self.count * self.parts)
        found: list[Batch] = []
        for part in range(self.parts):
            start = (self.rank * self.parts + part) * size
            cut = slice(start, start + size)
            pad = self.job.special.pad
            rows = np.where(t["tokens"][self.at, cut] > 0, np.int32(pad + 1), np.int32(pad))
            documents = t["documents"][self.at, cut] if "documents" in t else None
            found.append(batch_of(self.job, Packed(rows, documents), t["ids"][self.at, cut], t["places"][self.at, cut], t["labels"][self.at, cut]))
        self.at += 1
        return Step(found)
