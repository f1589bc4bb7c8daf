"""Checkpoints: everything that a run needs to go on from between two steps, also with another number of processes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from .back import STUDENT
from .blueprint import Tensors
from .errors import JobError
from .job import Job
from .sealed import NotWhole, seal, sweep, unseal, write_whole

CHECKPOINTS = "checkpoints"
_KIND = "WIDJOBC1"
_NAME = re.compile(r"step-(\d{9})\.ckpt")
#: The newest may be the one that a crash spoils.
_KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    #: Number of the phase, and its updates.
    phase: int
    updates: int
    #: Steps over all phases.
    done: int
    plain: Mapping[str, Any]
    #: Trained and rewritten tensors, moments, and compactors that an earlier phase ended with as `compactors/NAME`.
    tensors: Tensors


def keep(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes it, then removes those that are two older."""
    plain = {**checkpoint.plain, "phase": checkpoint.phase, "updates": checkpoint.updates, "done": checkpoint.done}
    write_whole(folder / f"step-{checkpoint.done:09d}.ckpt", seal(_KIND, plain, checkpoint.tensors))
    for path in _files(folder)[_KEPT:]:
        path.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    """The furthest first."""
    return sorted((p for p in folder.glob("step-*.ckpt") if _NAME.fullmatch(p.name)), reverse=True)


def is_trained(job: Job) -> bool:
    """Whether a job has its student, and no checkpoint of training that was begun anew."""
    return (job.folder / STUDENT).exists() and not _files(job.folder / CHECKPOINTS)


def newest(folder: Path, digest: str, first: bool) -> Checkpoint | None:
    """
    The furthest whole checkpoint.

    :param digest: of the job
    :param first: whether this process may tidy
    :raises JobError: if it is of another job
    """
    if first:
        sweep(folder)
    for path in _files(folder):
        try:
            plain, tensors = unseal(_KIND, path)
        except (NotWhole, OSError):
            continue
        if plain["job"] != digest:
            raise JobError(f"job: {path} — expected a checkpoint of this job, got one of another. Remove {folder}, or take the job that wrote it.")
        return Checkpoint(plain["phase"], plain["updates"], plain["done"], plain, tensors)
    return None
