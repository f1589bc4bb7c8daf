"""A whole run: start, phases, looks at held-out text, checkpoints, and what goes back to the studio."""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .back import write_record, write_student
from .batches import FileSource, Source, StreamSource
from .blueprint import Tensors
from .errors import DivergenceError, JobError
from .job import Job, PhasePlan, read_teacher
from .judge import BATCHES, Judge, norms_of
from .low_rank import is_whole
from .keeping import CHECKPOINTS, Checkpoint, keep, newest
from .masking import slots_a_row
from .metrics import Metrics
from .model import Laid
from .optimiser import NormLimit
from .phases import Phase, compactor_phase, low_rank_phase, merged_start, own_weights_phase, paper_phase
from .processes import Processes
from .rows import Cursor, RowMaker, RowStream, Tokenizer, held_out_rows
from .step import Stepper
from .text import TextPlace

_FIRST_LOOK = 5
_EXPLODED = 5
_CURE = "Try a lower learning rate or a longer warm-up."


@dataclass(frozen=True)
class Settings:
    """How this machine trains the job; none of it is part of the recipe."""

    teacher: str
    revision: str | None
    text: TextPlace | None
    batches: Path | None
    bf16: bool
    parts: int | None
    compiled: bool
    keep_every: int
    tensorboard: bool


class Run:
    """One process's part of a run."""

    def __init__(self, job: Job, settings: Settings, processes: Processes) -> None:
        self.job, self.settings, self.processes = job, settings, processes
        self.checkpoints = job.folder / CHECKPOINTS
        self._check_processes()
        self.teacher: Tensors = processes.together(lambda: read_teacher(job, settings.teacher, settings.revision))
        device = processes.device
        self.on_device = {name: tensor.to(device) for name, tensor in self.teacher.items()}
        self.text_digest = processes.together(lambda: settings.text.digest() if settings.text is not None else "")
        processes.same("text", self.text_digest[:12], "Give all processes the same files.")
        found = processes.together(lambda: newest(self.checkpoints, job.digest, processes.first))
        processes.same("job", "none" if found is None else f"step {found.done}", "All processes must see the same folder.")
        if found is not None and found.plain["text"] != self.text_digest:
            raise JobError("text: expected the text that the run began with, got another. Give that text, or remove the job's checkpoints.")
        self.found = found
        plain = {} if found is None else found.plain
        self.done: int = 0 if found is None else found.done
        self.started_at: int = plain.get("startedAt", int(1000 * time.time()))
        self._seconds: float = plain.get("seconds", 0.0)
        self._clock = time.perf_counter()
        self.untrained: dict[str, float] | None = plain.get("untrained")
        self.heads: dict[int, list[int]] = {int(layer): heads for layer, heads in plain.get("heads", [])} if found is not None else dict(job.heads)
        self.compactors: Tensors = dict(job.compactors)
        self.model: Tensors = {}
        self.source, self.judge = self._inputs(found)
        board = job.folder / "tensorboard" if settings.tensorboard else None
        path = job.folder / "metrics.jsonl"
        # The first process writes alone.
        self.metrics = processes.together(lambda: Metrics(path, plain.get("metrics", 0), board) if processes.first else None)
        self._bound = 0.0
        self._best: tuple[int, float, Tensors, Tensors, dict[int, list[int]]] | None = None

    @property
    def parts(self) -> int:
        """Micro-batches of a step on every process."""
        return self.settings.parts or max(1, int(self.job.recipe["accumulation"]) // self.processes.count)

    def precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.processes.device.type, torch.bfloat16) if self.settings.bf16 else nullcontext()

    def _check_processes(self) -> None:
        batch = int(self.job.recipe["batch"])
        count = self.processes.count
        self.processes.same("job", self.job.digest[:12], "All processes must see the same job.")
        self.processes.same("options", repr((self.parts, self.settings.bf16)), "Start all processes by the same command.")
        if batch % (count * self.parts) != 0:
            what = f"{count} processes" if self.parts == 1 else f"{count} processes with {self.parts} micro-batches each"
            raise JobError(f"job: batch — expected a multiple of {count * self.parts}, for {what}, got {batch}. Start another number, or give --accumulate.")

    def _inputs(self, found: Checkpoint | None) -> tuple[Source, Judge | None]:
        job, processes = self.job, self.processes
        judge: Judge | None = None
        stream: Source | None = None
        if self.settings.text is not None:
            place = self.settings.text
            seed, sequence, batch = (int(job.recipe[name]) for name in ("seed", "sequence", "batch"))
            rows = int(job.blueprint.teacher.config["vocabSize"])
            maker = RowMaker(Tokenizer(str(job.folder / "tokenizer"), job.special, rows), sequence, job.recipe["documents"] == "apart")
            held, packed = processes.together(lambda: held_out_rows(place, maker, seed, BATCHES * batch))
            size = max(1, batch // (processes.count * self.parts))
            judge = Judge(job, Laid(job.blueprint.teacher, self.on_device), packed, size, processes, self.precision)
            if self.settings.batches is None:
                cursor = Cursor() if found is None else Cursor(**found.plain["cursor"])
                self.stream = RowStream(place, maker, held, seed, processes, cursor)
                stream = StreamSource(job, self.stream, processes.rank, processes.count, self.parts)
        if self.settings.batches is not None:
            path = self.settings.batches
            return processes.together(lambda: FileSource(job, path, processes.rank, processes.count, self.parts, self.done)), judge
        assert stream is not None
        return stream, judge

    def seconds(self) -> float:
        return self._seconds + time.perf_counter() - self._clock

    def say(self, event: dict[str, Any]) -> None:
        if self.metrics is not None:
            self.metrics.say(event)

    def phase(self, plan: PhasePlan) -> Phase:
        device = self.processes.device
        if plan.name == "polish":
            if not self.model:
                self.model = self._start()
            return own_weights_phase(self.job, plan, self.model, self.on_device, device)
        if self.job.mode == "paper":
            return paper_phase(self.job, plan, self.on_device, device)
        recipe = self.job.recipe
        rows = int(recipe["batch"]) // self.processes.count
        slots = rows * slots_a_row(int(recipe["sequence"]), self.job.masking)
        whole = is_whole(self.job.blueprint.compactors.shapes, int(recipe["rank"]))
        make = compactor_phase if whole else low_rank_phase
        return make(self.job, plan, self.on_device, device, rows * int(recipe["sequence"]), slots)

    def _start(self) -> Tensors:
        if self.job.student:
            return {name: tensor.to(self.processes.device) for name, tensor in self.job.student.items()}
        compactors = {name: tensor.to(self.processes.device) for name, tensor in self.job.compactors.items()}
        return merged_start(self.job, self.on_device, compactors)

    def go(self) -> None:
        job = self.job
        fault: str | None = None
        phase: Phase | None = None
        for number, plan in enumerate(job.phases):
            resumed = self.found if self.found is not None and self.found.phase == number else None
            if self.found is not None and number < self.found.phase:
                continue
            phase = self.phase(plan)
            limit = NormLimit([] if resumed is None else resumed.plain["norms"])
            stepper = Stepper(phase, self.processes, limit, self.precision, self.settings.compiled)
            if resumed is not None:
                self._load(stepper, resumed)
            if self.untrained is None:
                self._first_look(phase)
            elif self.judge is not None:
                self._measure(self.judge.teacher["loss"], self.untrained["loss"])
                self._consider(phase)
            fault = self._train(number, stepper)
            self.model, heads = phase.student()
            self.heads = self.heads if heads is None else heads
            if phase.name == "compactors":
                self.compactors = {name: tensor.detach() for name, tensor in phase.compactors().items()}
            if fault is not None:
                break
        assert phase is not None
        self._end(phase, fault)

    def _load(self, stepper: Stepper, found: Checkpoint) -> None:
        stepper.updates = found.updates
        stepper.optimiser.load(found.tensors)
        with torch.no_grad():
            for name, tensor in stepper.phase.trained.items():
                tensor.copy_(found.tensors[name])
            for name in stepper.phase.rewritten:
                stepper.phase.frozen[name] = found.tensors[name].to(self.processes.device)
        before = {name.removeprefix("compactors/"): t for name, t in found.tensors.items() if name.startswith("compactors/")}
        self.compactors = before or self.compactors

    def _train(self, number: int, stepper: Stepper) -> str | None:
        """The steps of a phase. :returns: what ended the run early, or None"""
        phase, schedule, recipe = stepper.phase, stepper.phase.plan.schedule, self.job.recipe
        steps, tokens = int(recipe["steps"]), int(recipe["batch"]) * int(recipe["sequence"])
        pace = 0.0
        while stepper.updates < schedule.last:
            begun = time.perf_counter()
            try:
                loss, norm, rate = stepper.step(self.source.next().parts)
            except DivergenceError as error:
                return str(error).replace("). Stopped", f") at step {self.done}. Stopped")
            took = time.perf_counter() - begun
            # The first step of a phase also warms up.
            warm = stepper.updates > schedule.first + 1
            pace = 0.0 if not warm else took if pace == 0 else 0.9 * pace + 0.1 * took
            self.done += 1
            self.say(
                {
                    "kind": "step",
                    "step": self.done,
                    "steps": steps,
                    "phase": phase.name,
                    "loss": loss,
                    "gradientNorm": norm,
                    "learningRate": rate,
                    "tokensPerSecond": tokens / pace if pace > 0 else 0,
                    "secondsLeft": pace * (steps - self.done),
                }
            )
            if self.processes.first and (self.done % max(1, steps // 100) == 0 or self.done in (1, steps)):
                print(f"{phase.name} {self.done}/{steps}  loss {loss:.4f}  {tokens / pace if pace > 0 else 0:,.0f} tokens/s", flush=True)
            if self.done < steps and (self.done % int(recipe["evaluateEvery"]) == 0 or self.done == _FIRST_LOOK):
                fault = self._look(phase)
                if fault is not None:
                    return fault
            if self.done % self.settings.keep_every == 0 and stepper.updates < schedule.last:
                self._keep(number, stepper)
        return None

    def _judged(self, phase: Phase) -> Laid:
        """What is trained, as it is; a larger model is judged in the student's place."""
        with torch.no_grad():
            if phase.larger:
                return phase.laid({name: value.detach() for name, value in phase.parameters().items()})
            return Laid(self.job.blueprint.student, phase.student()[0])

    def _origins(self, phase: Phase) -> dict[int, list[int]]:
        return {} if phase.larger else self.heads

    def _look(self, phase: Phase) -> str | None:
        if self.judge is None:
            return None
        value = self.judge.student(self._judged(phase))
        self.say({"kind": "heldOut", "step": self.done, "model": "student", "value": value})
        self._tell_norms(phase)
        fault = self._explosion(value["loss"])
        if fault is None:
            self._consider(phase, value["loss"])
        if self.processes.first:
            print(f"Student at step {self.done}: held-out loss {value['loss']:.3f}, accuracy {100 * value['accuracy']:.1f} %", flush=True)
            self.say({"kind": "similarity", "step": self.done, "value": self.judge.similarity(self._judged(phase), self._origins(phase))})
        return fault

    def _tell_norms(self, phase: Phase) -> None:
        if phase.name == "compactors":
            self.say({"kind": "norms", "step": self.done, "spaces": norms_of(self.job, phase.compactors())})

    def _first_look(self, phase: Phase) -> None:
        if self.judge is None:
            return
        self.say({"kind": "heldOut", "step": 0, "model": "teacher", "value": self.judge.teacher})
        self._measure(self.judge.teacher["loss"])
        self._look(phase)
        untrained = self.judge.student(Laid(self.job.blueprint.student, phase.student()[0]))
        self.untrained = untrained
        self._measure(untrained["loss"])

    def _measure(self, *losses: float) -> None:
        guess = math.log(float(self.job.blueprint.teacher.config["vocabSize"]))
        self._bound = max([self._bound, _EXPLODED * guess, *(_EXPLODED * loss for loss in losses if math.isfinite(loss))])

    def _explosion(self, loss: float) -> str | None:
        if loss <= self._bound or self._bound == 0:
            return None
        return f"held-out loss is {loss:.4g} at step {self.done}, beyond {self._bound:.4g}"

    def _consider(self, phase: Phase, loss: float | None = None) -> None:
        """Remembers the best student so far, on the CPU: what a run that diverges leaves."""
        assert self.judge is not None
        if loss is None:
            loss = self.judge.student(self._judged(phase))["loss"]
        if not self.processes.first or (self._best is not None and loss > self._best[1] and not phase.larger):
            return
        student, heads = phase.student()
        compactors = phase.compactors() if phase.name == "compactors" else self.compactors
        self._best = (self.done, loss, _copied(student), _copied(compactors), self.heads if heads is None else heads)

    def _facts(self) -> dict[str, Any]:
        place = self.settings.text
        return {
            "done": self.done,
            "startedAt": self.started_at,
            "savedAt": int(1000 * time.time()),
            "text": self.text_digest,
            "textName": "batches in a file" if place is None else Path(place.given[0]).name,
            "engine": f"{self.processes.device.type}, {self.processes.count} processes",
        }

    def _keep(self, number: int, stepper: Stepper) -> None:
        if self.processes.first:
            assert self.metrics is not None
            tensors = stepper.phase.state() | stepper.optimiser.states()
            if stepper.phase.name == "polish":
                tensors |= {f"compactors/{name}": tensor for name, tensor in self.compactors.items()}
            plain = {
                "job": self.job.digest,
                "text": self.text_digest,
                "cursor": self.stream.state() if self.settings.batches is None else {},
                "norms": list(stepper.optimiser.limit.norms),
                "heads": [[layer, heads] for layer, heads in self.heads.items()],
                "untrained": self.untrained,
                "seconds": self.seconds(),
                "startedAt": self.started_at,
                "metrics": self.metrics.length(),
            }
            keep(self.checkpoints, Checkpoint(number, stepper.updates, self.done, plain, tensors))
            write_record(self.job, self.metrics, self._facts(), None, "unfinished")

    def _end(self, phase: Phase, fault: str | None) -> None:
        """Judges the student that is left, and writes it."""
        device = self.processes.device
        whole = self.judge.student(self._judged(phase)) if self.judge is not None and phase.larger else None
        student, heads, compactors, at = self.model, self.heads, self.compactors, self.done
        trained = self.judge.student(Laid(self.job.blueprint.student, student)) if self.judge is not None else None
        if fault is None and trained is not None:
            fault = self._explosion((whole or trained)["loss"])
        # Only the first process knows the best one.
        back = self.processes.broadcast(self._best if fault is not None else None, 0)
        if back is not None and self.judge is not None and trained is not None and not trained["loss"] <= back[1]:
            at, whole = back[0], None
            student, compactors, heads = ({name: t.to(device) for name, t in back[2].items()}, back[3], back[4])
            trained = self.judge.student(Laid(self.job.blueprint.student, student))
        if not self.processes.first:
            return
        assert self.metrics is not None
        result: dict[str, Any] | None = None
        if self.judge is not None:
            similarity = self.judge.similarity(Laid(self.job.blueprint.student, student), heads)
            if at == self.done:
                self.say({"kind": "heldOut", "step": at, "model": "student", "value": trained})
                self.say({"kind": "similarity", "step": at, "value": similarity})
                self._tell_norms(phase)
            result = {
                "teacher": self.judge.teacher,
                "untrained": self.untrained,
                "trained": trained,
                "stepsDone": self.done,
                "stopped": fault is not None,
                "similarity": similarity,
                "fault": None if fault is None else f"run: {fault}; the student is that of step {at}. {_CURE}",
                "seconds": self.seconds(),
                "vocabularySize": int(self.job.blueprint.student.config["vocabSize"]),
            }
            if whole is not None:
                result["whole"] = whole
            if at != self.done:
                result["studentStep"] = at
        write_student(self.job, student, compactors if self._keeps_compactors() else {})
        write_record(self.job, self.metrics, self._facts(), result, "unfinished" if result is None else "done" if fault is None else "diverged")
        self.metrics.close()
        for path in self.checkpoints.glob("step-*.ckpt"):
            path.unlink(missing_ok=True)
        if fault is not None:
            raise DivergenceError(f"run: {fault}; the student is that of step {at}. {_CURE}")
        print(f"Written to {self.job.folder}: run.record and run.student for the studio, student/ for from_pretrained", flush=True)

    def _keeps_compactors(self) -> bool:
        return self.job.plain["start"] != "student"


def _copied(tensors: Tensors) -> Tensors:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
