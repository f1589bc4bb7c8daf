"""The phases of a run: what is trained, what the forward pass reads, and how a student comes out of it (docs/method.md section 5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Mapping

import torch
from torch import Tensor, nn

from . import paper
from .blueprint import Tensors
from .job import PROJECTION, Job, PhasePlan
from .low_rank import LEARNED, LowRank, factor_names
from .low_rank import tables_met as low_rank_tables_met
from .losses import cross_entropy, divergence, hidden_loss
from .merge import DECODER, EMBEDDINGS, TEACHER, keep_heads, kept_norms, merge, tables_met, teacher_states
from .model import Batch, Laid, Options
from .optimiser import decays

#: Among the parameters: compactors of tables that are not merged.
_EMBEDDING = "@embedding"
_DECODER = "@decoder"


@dataclass(frozen=True)
class Guide:
    """The teacher, whole and frozen, and what is learned from it."""

    laid: Laid
    share: float
    temperature: float
    hidden: float
    layer_map: list[int]

    def target(self, batch: Batch, hidden: list[Tensor], answers: Tensor, loss: Tensor, projection: Tensor | None) -> Tensor:
        """What is minimised: `(1 - share)` of the task's loss and `share` of the divergence from the teacher's answers."""
        with torch.no_grad():
            theirs = self.laid.encode(batch)
            wanted = self.laid.answers(self.laid.at_positions(theirs.hidden, batch))
        soft = divergence(answers, wanted, batch.labels, self.temperature)
        target = soft if self.share == 1 else (1 - self.share) * loss + self.share * soft
        if projection is None:
            return target
        return target + self.hidden * hidden_loss(hidden, theirs.layers, batch.positions, self.layer_map, projection)


@dataclass
class Phase:
    """A stretch of a run that trains one set of tensors."""

    plan: PhasePlan
    #: By the names that the studio gives them; on the device.
    trained: Tensors
    #: What stays as it is, or is rewritten between steps.
    frozen: Tensors
    decay: dict[str, float]
    rate: dict[str, float]
    #: The parameters of the forward pass out of trained and frozen tensors.
    parameters: Callable[[], Tensors]
    #: A model of these parameters.
    laid: Callable[[Mapping[str, Tensor]], Laid]
    #: The student of the recipe's shape, and the heads that it kept if training decides about them.
    student: Callable[[], tuple[Tensors, dict[int, list[int]] | None]]
    guide: Guide | None = None
    #: Whether what is trained is larger than the student.
    larger: bool = False
    #: Names of frozen tensors that are part of a run's state.
    rewritten: list[str] = field(default_factory=list)
    before_step: Callable[[int], None] = lambda updates: None
    #: Puts another gradient in the place of a trained tensor's; the third is its first moment.
    change: Callable[[str, Tensor, Tensor], Tensor] = lambda name, gradient, first: gradient

    @property
    def name(self) -> str:
        return self.plan.name

    #: The compactors that the trained tensors amount to, if they are no compactors themselves.
    compacted: Callable[[], Tensors] | None = None

    def compactors(self) -> Tensors:
        return self.state() if self.compacted is None else self.compacted()

    def state(self) -> Tensors:
        return self.trained | {name: self.frozen[name] for name in self.rewritten}


def losses_of(phase: Phase, parameters: Mapping[str, Tensor], batch: Batch) -> tuple[Tensor, Tensor]:
    """The task's loss, and what is minimised: sums over the predicted tokens of a micro-batch."""
    laid = phase.laid(parameters)
    encoded = laid.encode(batch)
    answers = laid.answers(laid.at_positions(encoded.hidden, batch))
    loss = cross_entropy(answers, batch.labels)
    if phase.guide is None:
        return loss, loss
    return loss, phase.guide.target(batch, encoded.layers, answers, loss, parameters.get(PROJECTION))


def _leaf(tensor: Tensor, device: torch.device) -> Tensor:
    return nn.Parameter(tensor.to(device, copy=True))


def _guide(job: Job, teacher: Tensors, share: float, hidden: float) -> Guide | None:
    if share == 0 and hidden == 0:
        return None
    laid = Laid(job.blueprint.teacher, teacher)
    return Guide(laid, share, float(job.recipe["distillationTemperature"]), hidden, job.blueprint.table.layer_map)


def merged_start(job: Job, teacher: Tensors, compactors: Tensors) -> Tensors:
    """The student that compactors merge to."""
    table = job.blueprint.table
    kept = keep_heads(job.blueprint.teacher, teacher, table.teacher["headSize"], job.heads)
    theirs = teacher_states(job.blueprint, job.blueprint.compactors, table, table.tied, kept)
    return merge(job.blueprint, job.blueprint.compactors, table, table.tied, theirs | compactors)


def compactor_phase(job: Job, plan: PhasePlan, teacher: Tensors, device: torch.device, tokens: int, slots: int) -> Phase:
    """
    Compactors and LayerNorms, and the teacher's weights below them if they have a rate (docs/method.md section 3).

    :param tokens: of a step on this process
    """
    blueprint, recipe, table = job.blueprint, job.recipe, job.blueprint.table
    share = recipe["teacherLearningRate"] / recipe["compactorLearningRate"]
    learns = share > 0
    kept = keep_heads(blueprint.teacher, teacher, table.teacher["headSize"], job.heads)
    theirs = teacher_states(blueprint, blueprint.compactors, table, table.tied, kept)
    trained = {name: _leaf(tensor, device) for name, tensor in job.compactors.items()}
    if learns:
        # As in the studio, the teacher's tensors go before the compactors.
        trained = {name: _leaf(tensor, device) for name, tensor in theirs.items()} | trained
    frozen = {} if learns else theirs
    decay = {name: 0.0 for name in trained}
    rate = {name: 1.0 for name in trained}
    own = [name for name in trained if name.startswith(TEACHER)]
    decay |= decays(own, float(recipe["weightDecay"]), blueprint.teacher.is_vector)
    rate |= {name: share for name in own}
    embeddings, decoder = tables_met(blueprint, table, tokens, slots, learns)

    def parameters() -> Tensors:
        state = frozen | trained
        found = merge(blueprint, blueprint.compactors, table, table.tied, state, embeddings, decoder)
        if not embeddings:
            found[_EMBEDDING] = state[EMBEDDINGS]
        if not decoder:
            found[_DECODER] = state[EMBEDDINGS if table.tied else DECODER]
        return found

    def student() -> tuple[Tensors, None]:
        with torch.no_grad():
            return merge(blueprint, blueprint.compactors, table, table.tied, frozen | trained), None

    return Phase(
        plan=plan,
        trained=trained,
        frozen=frozen,
        decay=decay,
        rate=rate,
        parameters=parameters,
        laid=lambda p: Laid(blueprint.student, p, Options(embedding=p.get(_EMBEDDING), decoder=p.get(_DECODER))),
        student=student,
        guide=_guide(job, teacher, float(recipe["guidance"]), 0.0),
    )


def low_rank_phase(job: Job, plan: PhasePlan, teacher: Tensors, device: torch.device, tokens: int, slots: int) -> Phase:
    """
    Factors of low rank beside compactors that stay as they began; if the teacher's weights learn, their image in the student does
    (docs/method.md section 3, low rank).
    """
    blueprint, recipe, table = job.blueprint, job.recipe, job.blueprint.table
    rank = int(recipe["rank"])
    share = recipe["teacherLearningRate"] / recipe["compactorLearningRate"]
    kept = keep_heads(blueprint.teacher, teacher, table.teacher["headSize"], job.heads)
    theirs = teacher_states(blueprint, blueprint.compactors, table, table.tied, kept)
    closed = {name: tensor.to(device) for name, tensor in job.compactors.items()}
    norms = {name for norm in blueprint.compactors.norms for name in (norm.ours.weight, norm.ours.bias)}
    start = job.compactors | job.factors
    trained = {name: _leaf(start[name], device) for name in [*factor_names(blueprint.compactors.shapes, rank), *norms]}
    learned = [name for name in blueprint.student.shapes if name not in norms] if share > 0 else []
    for name in learned:
        trained[LEARNED + name] = _leaf(torch.zeros(*blueprint.student.shapes[name]), device)
    decay = {name: 0.0 for name in trained}
    for name, value in decays(learned, float(recipe["weightDecay"]), blueprint.teacher.is_vector).items():
        decay[LEARNED + name] = value
    low = LowRank.of(blueprint, rank, low_rank_tables_met(blueprint, table, rank, tokens, slots, share > 0), theirs, closed)

    def parameters() -> Tensors:
        found = low.merge(trained)
        if not low.embeddings:
            found[_EMBEDDING] = low.compactor(EMBEDDINGS, trained)
        if not low.decoder:
            found[_DECODER] = low.compactor(EMBEDDINGS if table.tied else DECODER, trained)
        return found

    def whole() -> Tensors:
        with torch.no_grad():
            rest = {name: trained[name] for name in norms}
            return low.compactors(trained) | rest | {LEARNED + name: trained[LEARNED + name] for name in learned}

    def student() -> tuple[Tensors, None]:
        with torch.no_grad():
            merged = merge(blueprint, blueprint.compactors, table, table.tied, theirs | whole())
            return {name: tensor + trained[LEARNED + name] if name in learned else tensor for name, tensor in merged.items()}, None

    return Phase(
        plan=plan,
        trained=trained,
        frozen=theirs,
        decay=decay,
        rate={name: share if name.startswith(LEARNED) else 1.0 for name in trained},
        parameters=parameters,
        laid=lambda p: Laid(blueprint.student, p, Options(embedding=p.get(_EMBEDDING), decoder=p.get(_DECODER))),
        student=student,
        guide=_guide(job, teacher, float(recipe["guidance"]), 0.0),
        compacted=whole,
    )


def own_weights_phase(job: Job, plan: PhasePlan, student: Tensors, teacher: Tensors, device: torch.device) -> Phase:
    """The student's own weights: polishing and the baselines (docs/method.md section 5)."""
    recipe = job.recipe
    share, hidden = 0.0, 0.0
    if job.mode == "distil":
        share, hidden = float(recipe["distillationShare"]), float(recipe["distillationHidden"])
    elif job.mode == "calibrated":
        share = float(recipe["guidance"])
    trained = {name: _leaf(tensor, device) for name, tensor in student.items()}
    if hidden > 0 and job.projection is not None:
        trained[PROJECTION] = _leaf(job.projection, device)

    def own() -> tuple[Tensors, None]:
        return {name: tensor.detach() for name, tensor in trained.items() if name != PROJECTION}, None

    # Even with a share of 0 the studio's distillation runs the teacher; its loss is the same without.
    return Phase(
        plan=plan,
        trained=trained,
        frozen={},
        decay=decays(trained, float(recipe["weightDecay"]), job.blueprint.student.is_vector),
        rate={name: 1.0 for name in trained},
        parameters=lambda: dict(trained),
        laid=lambda p: Laid(job.blueprint.student, p),
        student=own,
        guide=_guide(job, teacher, share, hidden),
    )


def paper_phase(job: Job, plan: PhasePlan, teacher: Tensors, device: torch.device) -> Phase:
    """Square compactors squeezed by masks and penalties, as released (docs/method.md section 6), at the teacher's size."""
    blueprint, table, settings = job.blueprint, job.blueprint.table, job.recipe["paper"]
    square = blueprint.square
    assert square is not None
    beta1 = plan.adam.beta1
    share = settings["weightLearningRate"] / settings["compactorLearningRate"]
    theirs = teacher_states(blueprint, square, table, False, teacher)
    norms = kept_norms(square, teacher, lambda space: slice(None))  # type: ignore[arg-type,return-value]
    compactors = {name: tensor.to(device) for name, tensor in paper.identity_compactors(square.shapes).items()}
    learned = theirs | compactors | norms if share > 0 else compactors
    trained = {name: _leaf(tensor, device) for name, tensor in learned.items()}
    still = {name: tensor for name, tensor in (theirs | norms).items() if name not in trained}
    masks = paper.mask_states(paper.nothing_masked(table, device), False, beta1)
    frozen = still | masks
    decay = decays(trained, float(settings["weightDecay"]), blueprint.teacher.is_vector)
    # The student's LayerNorms have names of their own layers.
    assert blueprint.square_model is not None
    decay |= {n: 0.0 for norm in square.norms for n in (norm.ours.weight, norm.ours.bias) if n in decay}
    decay |= {name: float(settings["weightDecay"]) for name in square.shapes}
    every = paper.mask_interval(int(settings["maskEvery"]), int(job.recipe["steps"]))

    def before_step(updates: int) -> None:
        if updates == 0 or updates % every != 0:
            return
        with torch.no_grad():
            found = paper.masks_at(table, trained, updates // every)
            frozen.update(paper.mask_states({space: mask.to(device) for space, mask in found.items()}, True, beta1))

    def change(name: str, gradient: Tensor, first: Tensor) -> Tensor:
        return paper.penalise(blueprint, name, trained[name], gradient, first, frozen, float(settings["penalty"]), beta1)

    def student() -> tuple[Tensors, dict[int, list[int]]]:
        with torch.no_grad():
            return paper.cut_student(blueprint, frozen | trained)

    return Phase(
        plan=plan,
        trained=trained,
        frozen=frozen,
        decay=decay,
        rate={name: 1.0 if name in square.shapes else share for name in trained},
        parameters=lambda: merge(blueprint, square, table, False, frozen | trained),
        laid=lambda p: paper.laid_square(blueprint, p, frozen),
        student=student,
        larger=True,
        rewritten=list(masks),
        before_step=before_step,
        change=change,
    )

