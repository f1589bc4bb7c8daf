"""What a run says: `metrics.jsonl`, a line an event, in the studio's own form."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import JobError
from .sealed import _unpacked, to_json

Event = dict[str, Any]


class Metrics:
    """Written as the run goes; set back to a checkpoint's length when it goes on from there."""

    def __init__(self, path: Path, length: int, tensorboard: Path | None) -> None:
        self.path = path
        self._board: Any = None
        if tensorboard is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise JobError("tensorboard: expected the package of that name, got none. Install it, or leave --tensorboard out.") from None
            self._board = SummaryWriter(str(tensorboard))
        kept = path.read_bytes()[:length] if path.exists() else b""
        self.events: list[Event] = [json.loads(line, object_hook=_unpacked) for line in kept.splitlines()]
        self._file = open(path, "r+b" if path.exists() else "w+b")
        self._file.truncate(len(kept))
        self._file.seek(len(kept))

    def say(self, event: Event) -> None:
        self.events.append(event)
        self._file.write(to_json(event).encode() + b"\n")
        self._file.flush()
        if self._board is None:
            return
        if event["kind"] == "step":
            for name in ("loss", "gradientNorm", "learningRate", "tokensPerSecond"):
                self._board.add_scalar(f"train/{name}", event[name], event["step"])
        elif event["kind"] == "heldOut":
            for name, value in event["value"].items():
                self._board.add_scalar(f"heldOut/{event['model']}/{name}", value, event["step"])
        elif event["kind"] == "similarity":
            self._board.add_scalar("similarity/mean", event["value"]["mean"], event["step"])

    def length(self) -> int:
        """Bytes on the disk."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def kept(self) -> tuple[dict[str, Any], Tensor]:
        """As the studio keeps it: phases and evaluations, and [n, 5] of every step."""
        rows: list[list[float]] = []
        phases: list[list[Any]] = []
        others: list[Event] = []
        for event in self.events:
            if event["kind"] != "step":
                others.append(event)
                continue
            rows.append([event[name] for name in ("step", "loss", "gradientNorm", "learningRate", "tokensPerSecond")])
            if not phases or phases[-1][1] != event["phase"]:
                phases.append([event["step"], event["phase"]])
        return {"phases": phases, "others": others}, torch.tensor(rows, dtype=torch.float32).reshape(-1, 5)

    def close(self) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()
