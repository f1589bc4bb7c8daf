"""Documents as packed rows, by the studio's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np

from .masking import Ids, Special

#: Rows that a document may still be put into.
_OPEN_ROWS = 64


@dataclass(frozen=True)
class Packed:
    #: [R, T].
    rows: Ids
    #: If documents lie apart, [R, T], number of every token's document within its row, -1 = padding.
    documents: Ids | None


def pack_joined(documents: Sequence[Sequence[int]], sequence: int, special: Special) -> Packed:
    """Running text: [CLS] tokens [SEP] in every row, without a mark between documents; the last row is padded."""
    room = sequence - 2
    tokens = np.fromiter((token for document in documents for token in document), np.int32)
    count = -(-len(tokens) // room)
    rows = np.full((count, sequence), special.pad, np.int32)
    if count > 0:
        rows[:, 0] = special.classify
        rows[:-1, 1:-1] = tokens[: (count - 1) * room].reshape(-1, room)
        rows[:-1, -1] = special.separate
        last = tokens[(count - 1) * room :]
        rows[-1, 1 : 1 + len(last)] = last
        rows[-1, 1 + len(last)] = special.separate
    return Packed(rows, None)


def pack_apart(documents: Sequence[Sequence[int]], sequence: int, special: Special) -> Packed:
    """Each document with its own [CLS] and [SEP], into the first of the last rows that has room for it; long ones are cut."""
    room = sequence - 2
    placed: list[list[Sequence[int]]] = []
    used: list[int] = []
    open_rows: list[int] = []
    for document in documents:
        for start in range(0, len(document), room):
            part = document[start : start + room]
            row = next((each for each in open_rows if used[each] + len(part) + 2 <= sequence), None)
            if row is None:
                row = len(used)
                used.append(0)
                placed.append([])
                open_rows = [*open_rows[-(_OPEN_ROWS - 1) :], row]
            used[row] += len(part) + 2
            # The shortest document has one token.
            if used[row] + 3 > sequence:
                open_rows = [each for each in open_rows if each != row]
            placed[row].append(part)
    rows = np.full((len(placed), sequence), special.pad, np.int32)
    numbers = np.full((len(placed), sequence), -1, np.int32)
    for row, parts in enumerate(placed):
        at = 0
        for number, part in enumerate(parts):
            end = at + len(part) + 2
            rows[row, at], rows[row, end - 1] = special.classify, special.separate
            rows[row, at + 1 : end - 1] = part
            numbers[row, at:end] = number
            at = end
    return Packed(rows, numbers)
