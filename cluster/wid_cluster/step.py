"""One optimiser step: merge once, forward and backward on the student in micro-batches, the chain rule through the merge, AdamW."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Callable, Sequence

import torch
from torch import Tensor, nn

from .batches import to_device
from .blueprint import Tensors
from .model import Batch
from .optimiser import AdamW, NormLimit
from .phases import Phase, losses_of
from .processes import Processes


class Student(nn.Module):
    """
    The parameters that a forward pass reads, as leaves. DistributedDataParallel wraps this: what processes exchange are gradients of the
    student, which is small, and not those of its compactors.
    """

    def __init__(self, phase: Phase, precision: Callable[[], AbstractContextManager[Any]]) -> None:
        super().__init__()
        self._phase, self._precision = phase, precision
        values = phase.parameters()
        trained = set(map(id, phase.trained.values()))
        #: Leaves that are merged anew in every step, and those that are trained as they are.
        self.merged = [name for name, value in values.items() if value.requires_grad and id(value) not in trained]
        self.fixed: Tensors = {name: value for name, value in values.items() if not value.requires_grad}
        self.leaves = nn.ParameterDict()
        for name, value in values.items():
            if value.requires_grad:
                self.leaves[name.replace(".", "/")] = value if id(value) in trained else nn.Parameter(value.detach().clone())

    def leaf(self, name: str) -> nn.Parameter:
        found = self.leaves[name.replace(".", "/")]
        assert isinstance(found, nn.Parameter)
        return found

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        own = {name.replace("/", "."): tensor for name, tensor in self.leaves.items()}
        with self._precision():
            return losses_of(self._phase, self.fixed | own, batch)


class Stepper:
    """Trains one phase step by step."""

    def __init__(self, phase: Phase, processes: Processes, limit: NormLimit, precision: Callable[[], AbstractContextManager[Any]], compiled: bool) -> None:
        self.phase, self.processes = phase, processes
        self.student = Student(phase, precision)
        self.optimiser = AdamW(phase.trained, phase.plan.adam, phase.decay, phase.rate, limit)
        self.updates = phase.plan.schedule.first
        run: Any = self.student
        if processes.count > 1:
            run = nn.parallel.DistributedDataParallel(run, broadcast_buffers=False)
        self._run = run
        self._forward: Any = torch.compile(run) if compiled else run

    def step(self, parts: Sequence[Batch]) -> tuple[float, float, float]:
        """:returns: mean loss before the update, norm of the gradient, learning rate"""
        phase, student = self.phase, self.student
        phase.before_step(self.updates)
        values = phase.parameters()
        student.fixed = {name: value for name, value in values.items() if not value.requires_grad}
        with torch.no_grad():
            for name in student.merged:
                student.leaf(name).copy_(values[name])
        student.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.processes.device)
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            with self._run.no_sync() if self.processes.count > 1 and not last else nullcontext():
                loss, target = self._forward(to_device(part, self.processes.device))
                target.backward()
            total += loss.detach()
        answers = sum(int((part.labels >= 0).sum()) for part in parts)
        sums = self.processes.sum(torch.tensor([float(total), float(answers)], dtype=torch.float64))
        mean = float(sums[0]) / max(1.0, float(sums[1]))
        gradients = self._gradients(values, self.processes.count / max(1.0, float(sums[1])))
        rate = phase.plan.schedule.rate_at(self.updates)
        norm = self.optimiser.step(gradients, self.updates, rate, mean)
        self.updates += 1
        return mean, norm, rate

    def _gradients(self, values: Tensors, scale: float) -> list[Tensor]:
        """Gradients of the trained tensors. Leaves have sums, which DistributedDataParallel has divided by the number of processes."""
        leaves = [leaf.grad for leaf in self.student.parameters() if leaf.grad is not None]
        torch._foreach_mul_(leaves, scale)
        pairs = [(values[name], self.student.leaf(name).grad) for name in self.student.merged]
        used = [(value, grad) for value, grad in pairs if grad is not None]
        if used:
            own = set(map(id, self.student.parameters()))
            for tensor in self.phase.trained.values():
                if id(tensor) not in own:
                    tensor.grad = None
            torch.autograd.backward([value for value, _ in used], [grad for _, grad in used])
        found: list[Tensor] = []
        for name, tensor in self.phase.trained.items():
            grad = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            found.append(self.phase.change(name, grad, self.optimiser.first[name]))
        return found
