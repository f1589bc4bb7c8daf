"""
Files that are whole or not there, in the studio's form: 7 letters for the kind, a digit for the version, 32 bytes of digest, then
safetensors with everything that is no tensor as JSON in its metadata. The digest is SHA-256 over the SHA-256 of every 128 MiB of the rest.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any, Iterator, Mapping

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from .blueprint import Tensors

_STRETCH = 128 << 20


class NotWhole(Exception):
    """A file was cut short or changed, or is of another kind."""


def _packed(value: Any) -> Any:
    """JSON has no NaN and no infinities."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"notFinite": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, dict):
        return {key: _packed(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_packed(inner) for inner in value]
    return value


def _unpacked(value: dict[str, Any]) -> Any:
    return float(value["notFinite"]) if set(value) == {"notFinite"} else value


def to_json(value: Any) -> str:
    return json.dumps(_packed(value), separators=(",", ":"), ensure_ascii=False)


def _digest(body: bytes) -> bytes:
    stretches = (body[at : at + _STRETCH] for at in range(0, len(body), _STRETCH))
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in stretches)).digest()


def apart(tensors: Mapping[str, Tensor]) -> Tensors:
    """On the CPU in float32, none sharing memory with another: safetensors writes no tensor twice."""
    found: Tensors = {}
    places: set[int] = set()
    for name, tensor in tensors.items():
        whole = tensor.detach().to("cpu", torch.float32).contiguous()
        found[name] = whole.clone() if whole.data_ptr() in places else whole
        places.add(whole.data_ptr())
    return found


def seal(kind: str, plain: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Iterator[bytes]:
    """:param kind: letters and version, as in `WIDRUNR2`"""
    body = save_tensors(apart(tensors), {"format": "wid-studio", "state": to_json(plain)})
    yield kind.encode()
    yield _digest(body)
    yield body


def unseal(kind: str, path: Path) -> tuple[Any, Tensors]:
    """:raises NotWhole: if it is not what was written"""
    content = path.read_bytes()
    if content[:8] != kind.encode() or content[8:40] != _digest(content[40:]):
        raise NotWhole(path.name)
    body = content[40:]
    length = int.from_bytes(body[:8], "little")
    header = json.loads(body[8 : 8 + length])
    return json.loads(header["__metadata__"]["state"], object_hook=_unpacked), load_tensors(body)


def write_whole(path: Path, pieces: Iterator[bytes]) -> None:
    """The file is there when all of it is on the disk; until then what was there before stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o644)
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def sweep(folder: Path) -> None:
    """Removes what writers that were killed left."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)
