"""What the studio says of both models and of the compactors between them: `blueprint.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

import torch

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Module:
    """One linear layer, table or norm."""

    role: str
    kind: str
    layer: int | None
    writes: str
    reads: str
    weight: str
    bias: str | None
    key: str

    @property
    def parameters(self) -> list[str]:
        return [self.weight] if self.bias is None else [self.weight, self.bias]


class Model:
    """Configuration and modules of one model, by role and layer."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self.config: Mapping[str, Any] = plain["config"]
        self.shapes: Mapping[str, Sequence[int]] = plain["shapes"]
        self.decoder: str = plain["decoder"]
        self.copies: Mapping[str, str] = plain["copies"]
        self.hugging_face: Mapping[str, Any] = plain["huggingFace"]
        self.position_offset: int = plain["positionOffset"]
        fields = ("role", "kind", "layer", "writes", "reads", "weight", "key")
        self.modules = [Module(bias=m.get("bias"), **{name: m[name] for name in fields}) for m in plain["modules"]]
        self._by_role = {(m.role, m.layer): m for m in self.modules}
        self._owners = {name: m for m in self.modules for name in m.parameters}

    @property
    def width(self) -> int:
        return int(self.config["hiddenSize"])

    @property
    def heads(self) -> int:
        return int(self.config["heads"])

    @property
    def layers(self) -> int:
        return int(self.config["layers"])

    @property
    def head_size(self) -> int:
        return self.width // self.heads

    def find(self, role: str, layer: int | None = None) -> Module | None:
        return self._by_role.get((role, layer))

    def module(self, role: str, layer: int | None = None) -> Module:
        return self._by_role[role, layer]

    @property
    def tables(self) -> list[Module]:
        return [m for m in self.modules if m.kind == "table"]

    def is_vector(self, name: str) -> bool:
        """Whether a parameter is a bias, a gain or a shift: none of them decays."""
        owner = self._owners.get(name)
        return owner is not None and (owner.kind == "norm" or owner.bias == name)


@dataclass(frozen=True)
class Pair:
    weight: str
    bias: str


@dataclass(frozen=True)
class Site:
    """One teacher linear layer and the two compactors around it: W' = factor R W L, b' = factor R b (docs/method.md section 1)."""

    site: str
    layer: int | None
    role: str
    row_shape: tuple[int, ...]
    column_shape: tuple[int, ...]
    output: int
    input: int
    factor: float
    writes: str
    reads: str
    theirs: Pair
    ours: Pair
    stack: Pair


@dataclass(frozen=True)
class Norm:
    """A LayerNorm of the student, and the teacher's that it starts from."""

    writes: str
    layer: int | None
    theirs: Pair
    ours: Pair


class Compactors:
    """Where compactors stand, and their shapes."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self.sites = [
            Site(
                site=s["site"],
                layer=s["layer"],
                role=s["role"],
                row_shape=tuple(s["rowShape"]),
                column_shape=tuple(s["columnShape"]),
                output=s["output"],
                input=s["input"],
                factor=s["factor"],
                writes=s["writes"],
                reads=s["reads"],
                theirs=Pair(**s["theirs"]),
                ours=Pair(**s["ours"]),
                stack=Pair(**s["stack"]),
            )
            for s in plain["sites"]
        ]
        self.norms = [Norm(n["writes"], n["layer"], Pair(**n["theirs"]), Pair(**n["ours"])) for n in plain["norms"]]
        self.shapes: dict[str, tuple[int, ...]] = {name: tuple(shape) for name, shape in plain["shapes"].items()}


class Table:
    """Teacher and student, space by space (docs/method.md section 2)."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self.teacher: Mapping[str, int] = plain["teacher"]
        self.student: Mapping[str, int] = plain["student"]
        self.tied: bool = plain["tied"]
        self.layer_map: list[int] = plain["layerMap"]
        self.mixtures: bool = plain["mixtures"]

    @staticmethod
    def table_width(spaces: Mapping[str, int]) -> int:
        """Dimensions of the space that the tables write."""
        return spaces.get("embedding", spaces["residual"])


class Blueprint:
    """`blueprint.json`."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self.teacher = Model(plain["teacher"])
        self.sources: Mapping[str, str] = plain["teacher"]["sources"]
        self.sha256: Mapping[str, str] = plain["teacher"]["sha256"]
        self.student = Model(plain["student"])
        self.table = Table(plain["table"])
        self.compactors = Compactors(plain["compactors"])
        square = plain.get("square")
        self.square = None if square is None else Compactors(square)
        self.square_model = None if square is None else Model(square["model"])
        self.masked: Mapping[str, Mapping[str, str]] = {} if square is None else square["masked"]
