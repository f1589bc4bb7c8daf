"""What goes back to the studio: `run.record` and `run.student` in its own form, and `student/` for `from_pretrained`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Mapping

import torch
from safetensors.torch import save as save_tensors
from torch import Tensor

from . import __version__
from .blueprint import Tensors
from .job import Job
from .metrics import Metrics
from .sealed import apart, seal, write_whole

RECORD = "run.record"
STUDENT = "run.student"


def _kind(job: Job) -> dict[str, Any]:
    return {"family": job.plain["family"], "task": job.plain["task"], "studio": job.plain["studio"]}


def write_record(job: Job, metrics: Metrics, facts: Mapping[str, Any], result: Mapping[str, Any] | None, ending: str) -> None:
    """:param facts: done, startedAt, savedAt, text and engine"""
    told, steps = metrics.kept()
    record = {
        **_kind(job),
        "run": f"job-{job.digest[:16]}",
        "name": job.name,
        "recipe": job.recipe,
        "fingerprints": {"teacher": job.plain["teacher"]["fingerprint"], "text": facts["text"]},
        "teacher": job.plain["teacher"]["name"],
        "text": facts["textName"],
        "files": {"teacher": [], "text": []},
        "engine": f"PyTorch {torch.__version__}, {facts['engine']}, cluster {__version__}",
        "ending": ending,
        "done": facts["done"],
        "startedAt": facts["startedAt"],
        "savedAt": facts["savedAt"],
        "result": result,
        "metrics": told,
    }
    write_whole(job.folder / RECORD, seal("WIDRUNR2", record, {"metrics/steps": steps}))


def write_student(job: Job, student: Tensors, compactors: Mapping[str, Tensor]) -> None:
    """The student and what it was merged from."""
    shapes = job.blueprint.student.shapes
    own = apart({name: student[name] for name in shapes})
    tensors = {f"student/{name}": tensor for name, tensor in own.items()}
    tensors |= {f"compactors/{name}": tensor.detach() for name, tensor in compactors.items()}
    write_whole(job.folder / STUDENT, seal("WIDSTUD2", {**_kind(job), "config": job.blueprint.student.config}, tensors))
    folder = job.folder / "student"
    copies = {copy: own[of].clone() for copy, of in job.blueprint.student.copies.items() if of in own}
    write_whole(folder / "config.json", iter([(json.dumps(job.blueprint.student.hugging_face, indent=2) + "\n").encode()]))
    for path in sorted(Path(job.folder / "tokenizer").iterdir()):
        shutil.copyfile(path, folder / path.name)
    write_whole(folder / "model.safetensors", iter([save_tensors(own | copies, {"format": "pt"})]))
