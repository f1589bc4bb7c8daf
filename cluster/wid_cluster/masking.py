"""Masking of sequences by the studio's rules. What is masked follows from the seed, the epoch and the row alone: nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]
Keys = NDArray[np.uint64]

_GOLDEN = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1


def mixed(*numbers: int) -> int:
    """64 bits that look random and follow from numbers (SplitMix64, Steele and others)."""
    state = 0
    for number in numbers:
        state = int(_finished(np.array([(state + _GOLDEN + (number & _WORD)) & _WORD], np.uint64))[0])
    return state


def keys(seed: int, count: int) -> Keys:
    """`count` numbers of 64 bits."""
    with np.errstate(over="ignore"):
        return _finished(np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN))


def _finished(z: Keys) -> Keys:
    with np.errstate(over="ignore"):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


@dataclass(frozen=True)
class Special:
    pad: int
    unknown: int
    classify: int
    separate: int
    mask: int


@dataclass(frozen=True)
class Masking:
    #: Share of tokens that are hidden, 0 to 1.
    masking: float
    #: Share that is predicted, if it is more than are hidden.
    predicted: float
    whole_words: bool


@dataclass(frozen=True)
class MaskedRows:
    """B rows of T tokens with M = B m slots, m for each row."""

    #: [B, T], as the model reads them.
    ids: Ids
    #: [B, m], place in the row of every predicted token; -1 = unused.
    places: Ids
    #: [B, m], the right token; -1 = unused.
    labels: Ids


def rounded(x: float) -> int:
    """Half goes up, as in the studio."""
    return int(np.floor(x + 0.5))


def slots_a_row(sequence: int, masking: Masking) -> int:
    return max(1, rounded(max(masking.masking, masking.predicted) * (sequence - 2)))


def mask_rows(
    rows: Ids, seeds: list[int], special: Special, vocabulary: int, masking: Masking, continuations: frozenset[int]
) -> MaskedRows:
    """
    Hides round(share x tokens) of every row, at least one: 80 % become [MASK], 10 % a random token, 10 % stay. Special tokens are never
    chosen. With whole words, a word that would exceed the number is passed over.

    :param seeds: one a row
    """
    count, sequence = rows.shape
    m = slots_a_row(sequence, masking)
    ids = rows.copy()
    places = np.full((count, m), -1, np.int32)
    labels = np.full((count, m), -1, np.int32)
    never = np.array(sorted({special.pad, special.classify, special.separate, special.mask} - {special.unknown}), np.int32)
    may = ~np.isin(rows, never)
    for row in range(count):
        candidates = np.flatnonzero(may[row])
        if len(candidates) == 0:
            continue
        drawn = keys(seeds[row], 3 * sequence)
        wanted = max(1, rounded(masking.masking * len(candidates)))
        order = candidates[np.argsort(drawn[candidates], kind="stable")]
        hidden = _words(rows[row], candidates, drawn, wanted, continuations) if masking.whole_words else order[:wanted]
        chance = drawn[sequence + hidden].astype(np.float64) / 2.0**64
        other = (drawn[2 * sequence + hidden] % np.uint64(vocabulary)).astype(np.int32)
        ids[row, hidden] = np.where(chance < 0.8, special.mask, np.where(chance < 0.9, other, rows[row, hidden]))
        asked = hidden
        if masking.predicted > masking.masking:
            others = order[~np.isin(order, hidden)]
            asked = np.concatenate([hidden, others[: max(0, rounded(masking.predicted * len(candidates)) - len(hidden))]])
        asked = np.sort(asked)
        places[row, : len(asked)] = asked
        labels[row, : len(asked)] = rows[row, asked]
    return MaskedRows(ids, places, labels)


def _words(row: Ids, candidates: NDArray[np.int64], drawn: Keys, wanted: int, continuations: frozenset[int]) -> NDArray[np.int64]:
    """Whole words in random order while they fit; if none does, the first pieces of one."""
    words: list[list[int]] = []
    for at in candidates.tolist():
        if words and words[-1][-1] == at - 1 and int(row[at]) in continuations:
            words[-1].append(at)
        else:
            words.append([at])
    order = sorted(range(len(words)), key=lambda index: int(drawn[words[index][0]]))
    picked: list[int] = []
    for index in order:
        if len(picked) + len(words[index]) <= wanted:
            picked += words[index]
    return np.array(picked or words[order[0]][:wanted], np.int64)
