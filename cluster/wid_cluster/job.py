"""The job's folder as the studio wrote it, and the teacher that it was written for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from . import __version__
from .blueprint import Blueprint, Tensors
from .errors import JobError
from .masking import Masking, Special
from .optimiser import AdamSettings, Schedule

FORMAT = "wid-studio-job"
VERSION = 1
PROJECTION = "distillation.projection"
_MODES = ("calibrated", "paper", "prune", "distil", "scratch")
_TASK = "maskedWords"
#: Later settings of a recipe that this package trains, or that do not change what it trains.
_KNOWN = {"accumulation", "beta2", "decay", "depth", "distillationHidden", "documents", "guidance", "masking", "predicted", "rampShare", "rank", "teacherLearningRate", "warmupSteps", "wholeWords"}


@dataclass(frozen=True)
class PhasePlan:
    """What a phase trains, `compactors` or `polish`, and when."""

    name: str
    schedule: Schedule
    adam: AdamSettings


@dataclass(frozen=True)
class Job:
    folder: Path
    plain: Mapping[str, Any]
    recipe: Mapping[str, Any]
    blueprint: Blueprint
    phases: list[PhasePlan]
    #: Compactors and LayerNorms at the start; empty if there are none.
    compactors: Tensors
    #: Where factors of low rank start.
    factors: Tensors
    #: The student at the start, if nothing is merged.
    student: Tensors
    projection: Tensor | None
    #: A teacher's head that its checkpoint has not.
    head: Tensors
    special: Special
    masking: Masking
    continuations: frozenset[int]
    #: Kept heads by teacher layer.
    heads: dict[int, list[int]]
    digest: str

    @property
    def name(self) -> str:
        return str(self.plain["name"])

    @property
    def mode(self) -> str:
        return str(self.recipe["mode"])


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise JobError(f"job: {path} — expected a file that the studio wrote, got none. Write the job again.") from None
    except (OSError, ValueError) as error:
        raise JobError(f"job: {path} — expected JSON, got {error}. Write the job again.") from None


def read_job(folder: Path) -> Job:
    """:raises JobError: if it is of another version, is not whole, or asks for what this package does not train"""
    if not folder.is_dir():
        raise JobError(f"job: {folder} — expected a folder that the studio wrote, got none of that name. Correct the path.")
    plain = _json(folder / "run.json")
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise JobError(f"job: {folder}/run.json — expected a job of WID Studio, got something else. Write one with compress --job.")
    if plain.get("version") != VERSION:
        raise JobError(
            f"job: {folder}/run.json — expected version {VERSION}, got version {plain.get('version')} of WID Studio {plain.get('studio')}. Install the cluster package of that studio, or write the job again."
        )
    recipe = plain["recipe"]
    for name in sorted(set(plain["needs"]) - _KNOWN):
        raise JobError(
            f"job: the setting {name} — expected one that this package {__version__} trains, got {recipe.get(name)} from WID Studio {plain.get('studio')}. Install the cluster package of that studio, or leave the setting out."
        )
    if recipe["mode"] not in _MODES:
        raise JobError(f"job: mode — expected {', '.join(_MODES)}, got {recipe['mode']}. Train it in the studio.")
    if plain["task"] != _TASK:
        raise JobError(f"job: task — expected {_TASK}, got {plain['task']}. Train it in the studio.")
    start = folder / "start.safetensors"
    try:
        tensors = load_file(start)
    except (OSError, SafetensorError) as error:
        raise JobError(f"job: {start} — expected the start that the studio wrote, got {error}. Write the job again.") from None

    def under(prefix: str) -> Tensors:
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    digest = hashlib.sha256()
    for name in ("run.json", "blueprint.json", "start.safetensors"):
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    blueprint = Blueprint(_json(folder / "blueprint.json"))
    _check_tokenizer(plain, blueprint)
    return Job(
        folder=folder,
        plain=plain,
        recipe=recipe,
        blueprint=blueprint,
        phases=[_phase(phase) for phase in plain["phases"]],
        compactors=under("compactors/"),
        factors=under("factors/"),
        student=under("student/"),
        projection=tensors.get(PROJECTION),
        head=under("head/"),
        special=Special(**plain["tokenizer"]["special"]),
        masking=Masking(plain["masking"]["masking"], plain["masking"]["predicted"], plain["masking"]["wholeWords"]),
        continuations=frozenset(plain["tokenizer"]["continuations"]),
        heads={int(layer): list(heads) for layer, heads in plain["heads"]},
        digest=digest.hexdigest(),
    )


def _check_tokenizer(plain: Mapping[str, Any], blueprint: Blueprint) -> None:
    rows = int(blueprint.teacher.config["vocabSize"])
    worst = max(plain["tokenizer"]["special"].items(), key=lambda item: item[1])
    if worst[1] >= rows:
        raise JobError(
            f"vocabulary: the special token {worst[0]} — expected an id below {rows}, the rows of the teacher's table of words, got {worst[1]}. Write the job again."
        )


def _phase(plain: Mapping[str, Any]) -> PhasePlan:
    s, o = plain["schedule"], plain["optimiser"]
    return PhasePlan(
        plain["name"],
        Schedule(s["first"], s["last"], s["total"], s["rate"], s["warmup"], s["decay"]),
        AdamSettings(o["beta1"], o["beta2"], o["epsilon"], o["clipNorm"], o["biasCorrection"]),
    )


def _hub_folder(given: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    patterns = ["*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin", "pytorch_model.bin.index.json"]
    try:
        return Path(snapshot_download(given, revision=revision, allow_patterns=patterns))
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise JobError(f"teacher: {given} — expected a folder, or a repository on the Hub, got neither ({reason}). Correct it.") from None


def _shards(folder: Path) -> list[Path]:
    """The files of weights, whole; those of safetensors go first."""
    for index, pattern in (("model.safetensors.index.json", "*.safetensors"), ("pytorch_model.bin.index.json", "pytorch_model*.bin")):
        if (folder / index).is_file():
            names = sorted(set(_json(folder / index)["weight_map"].values()))
            for number, name in enumerate(names):
                if not (folder / name).is_file():
                    raise JobError(
                        f"teacher: {folder / name} — expected shard {number + 1} of {len(names)} that {index} names, got none. Fetch the missing file."
                    )
            return [folder / name for name in names]
        whole = sorted(folder.glob(pattern))
        if whole:
            return whole
    raise JobError(f"teacher: {folder} — expected .safetensors or pytorch_model.bin, got neither. Save it with save_pretrained.")


def _tensors_of(shard: Path) -> dict[str, Tensor]:
    try:
        if shard.suffix == ".bin":
            return dict(torch.load(shard, map_location="cpu", weights_only=True))
        with safe_open(shard, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}
    except Exception as error:
        raise JobError(f"teacher: {shard} — expected whole weights, got {error}. Fetch the file again.") from None


def read_teacher(job: Job, given: str, revision: str | None) -> Tensors:
    """
    The teacher's parameters by their names in the studio, float32, on the CPU.

    :raises JobError: if one is missing, or is not what the job was written for
    """
    path = Path(given)
    if path.is_file():
        raise JobError(f"teacher: {given} — expected the folder of a checkpoint, got a file. Give its folder.")
    folder = path if path.is_dir() else _hub_folder(given, revision)
    found: dict[str, Tensor] = {}
    for shard in _shards(folder):
        found |= _tensors_of(shard)
    teacher: Tensors = {}
    for name, source in job.blueprint.sources.items():
        tensor = found.get(source, found.get(name))
        shape = job.blueprint.teacher.shapes[name]
        if tensor is None:
            raise JobError(f"teacher: {source} — expected a tensor {list(shape)}, got none. Give the teacher that the job was written for.")
        if list(tensor.shape) != list(shape):
            raise JobError(f"teacher: {source} — expected {list(shape)}, got {list(tensor.shape)}. Give the teacher that the job was written for.")
        teacher[name] = tensor.to(torch.float32).contiguous()
        digest = hashlib.sha256(teacher[name].numpy().tobytes()).hexdigest()
        if digest != job.blueprint.sha256[name]:
            raise JobError(
                f"teacher: {source} — expected the numbers of {job.plain['teacher']['name']}, which the job was written for, got others. Give that teacher, or write a job for this one."
            )
    return teacher | job.head
