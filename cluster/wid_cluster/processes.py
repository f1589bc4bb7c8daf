"""The processes of one job: who am I, and what do the others say?"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, Callable, TypeVar

import torch
import torch.distributed as dist

from .errors import JobError

T = TypeVar("T")


class Processes:
    """`torchrun` or `accelerate launch` tells a process its number by the environment; without them there is one."""

    def __init__(self, device: str | None) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        local = int(os.environ.get("LOCAL_RANK", "0"))
        cuda = torch.cuda.is_available() if device is None else device.startswith("cuda")
        self.device = torch.device(f"cuda:{local}" if cuda and device in (None, "cuda") else device or "cpu")
        self._gloo: Any = None
        if self.count > 1:
            if cuda:
                torch.cuda.set_device(self.device)
            dist.init_process_group("nccl" if cuda else "gloo", timeout=timedelta(minutes=30))
            # Texts and errors are no business of the GPUs.
            self._gloo = dist.new_group(backend="gloo", timeout=timedelta(minutes=30)) if cuda else dist.group.WORLD

    @property
    def first(self) -> bool:
        return self.rank == 0

    def gather(self, value: T) -> list[T]:
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        dist.all_gather_object(found, value, group=self._gloo)
        return found

    def broadcast(self, value: T | None, source: int) -> Any:
        if self.count == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=source, group=self._gloo)
        return box[0]

    def sum(self, numbers: torch.Tensor) -> torch.Tensor:
        """Adds up a tensor on the CPU over all processes."""
        if self.count > 1:
            dist.all_reduce(numbers, group=self._gloo)
        return numbers

    def raise_together(self, problem: BaseException | None) -> None:
        """Raises on all processes what one of them met: of JobErrors the first one's."""
        found = self.gather(None if problem is None else (isinstance(problem, JobError), str(problem) or type(problem).__name__))
        for rank, said in enumerate(found):
            if said is None:
                continue
            if said[0]:
                raise JobError(said[1]) from problem
            raise RuntimeError(f"process {rank}: {said[1]}") from problem

    def together(self, work: Callable[[], T]) -> T:
        """Does a piece of work that may fail on some processes; then it fails on all."""
        result: T | None = None
        problem: BaseException | None = None
        try:
            result = work()
        except Exception as error:
            problem = error
        self.raise_together(problem)
        return result  # type: ignore[return-value]

    def same(self, what: str, value: str, cure: str) -> None:
        """:raises JobError: if a process has another value than the first one"""
        found = self.gather(value)
        for rank, other in enumerate(found):
            if other != found[0]:
                raise JobError(f"{what}: process {rank} — expected {found[0]}, as process 0 has it, got {other}. {cure}")

    def barrier(self) -> None:
        if self.count > 1:
            dist.barrier(group=self._gloo)

    def end(self) -> None:
        if self.count > 1:
            dist.destroy_process_group()
