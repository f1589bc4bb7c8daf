"""Rows of the text in an order that does not depend on how many processes train, and cursors into it."""

from __future__ import annotations

import queue
import threading
from dataclasses import asdict, dataclass
from typing import Any, Iterator

import numpy as np

from .errors import JobError
from .masking import Special, keys, mixed
from .packing import Packed, pack_apart, pack_joined
from .processes import Processes
from .text import Document, TextPlace

#: Characters of a chunk: what one process tokenises, packs and shuffles at a time.
CHUNK = 16 << 20
#: A plain document is cut into pieces of so many lines, or of lines that come to so many characters; others are pieces as a whole.
_PIECE_LINES = 8
_PIECE_CHARACTERS = 1024
#: Of so many pieces in a row, one is held out.
_BLOCK = 10
_MOST_UNKNOWN = 0.5


@dataclass(frozen=True)
class Cursor:
    """The next row: epoch, chunk and row in it, and how many rows came before in all."""

    epoch: int = 0
    chunk: int = 0
    taken: int = 0
    rows: int = 0


class Tokenizer:
    """The job's tokenizer, by the Rust library of Hugging Face."""

    def __init__(self, folder: str, special: Special, rows: int) -> None:
        from transformers import PreTrainedTokenizerFast

        try:
            self._backend = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json").backend_tokenizer
        except Exception as error:
            raise JobError(f"job: tokenizer/tokenizer.json — expected a tokenizer, got {error}. Write the job again.") from error
        self._backend.no_padding()
        self._backend.no_truncation()
        self.special = special
        self.rows = rows

    def lines(self, lines: list[str]) -> list[list[int]]:
        """:raises JobError: if a token has no row in the model's table of words"""
        encoded = [found.ids for found in self._backend.encode_batch(lines, add_special_tokens=False)]
        for ids in encoded:
            worst = max(ids, default=0)
            if worst >= self.rows:
                token = self._backend.id_to_token(worst)
                raise JobError(
                    f"vocabulary: {token!r} — expected an id below {self.rows}, the rows of the teacher's table of words, got {worst}. Write the job again with the tokenizer of this teacher."
                )
        return encoded


@dataclass(frozen=True)
class HeldOut:
    """Which pieces no step trains on: one of every ten, drawn by the seed, up to the last one that was needed."""

    seed: int
    last: int

    def holds(self, piece: int) -> bool:
        return piece <= self.last and piece % _BLOCK == mixed(self.seed, 1, piece // _BLOCK) % _BLOCK


@dataclass(frozen=True)
class Piece:
    number: int
    lines: list[str]
    by_line: bool
    characters: int


def pieces(documents: Iterator[Document]) -> Iterator[Piece]:
    number = 0
    for document in documents:
        lines: list[str] = []
        characters = 0
        for line in document.text.split("\n"):
            if not line.strip():
                continue
            lines.append(line)
            characters += len(line) + 1
            if document.by_line and (len(lines) >= _PIECE_LINES or characters >= _PIECE_CHARACTERS):
                yield Piece(number, lines, True, characters)
                lines, characters, number = [], 0, number + 1
        if lines:
            yield Piece(number, lines, document.by_line, characters)
            number += 1


class RowMaker:
    """Packs pieces into rows, apart or joined."""

    def __init__(self, tokenizer: Tokenizer, sequence: int, apart: bool) -> None:
        self.tokenizer = tokenizer
        self.sequence = sequence
        self.apart = apart

    def pack(self, chosen: list[Piece]) -> Packed:
        encoded = self.tokenizer.lines([line for piece in chosen for line in piece.lines])
        self._check(encoded)
        if not self.apart:
            return pack_joined(encoded, self.sequence, self.tokenizer.special)
        documents: list[list[int]] = []
        at = 0
        for piece in chosen:
            lines = encoded[at : at + len(piece.lines)]
            at += len(lines)
            documents += lines if piece.by_line else [[token for line in lines for token in line]]
        return pack_apart(documents, self.sequence, self.tokenizer.special)

    def _check(self, encoded: list[list[int]]) -> None:
        unknown = self.tokenizer.special.unknown
        count = sum(map(len, encoded))
        share = sum(ids.count(unknown) for ids in encoded) / max(1, count)
        if unknown >= 0 and share > _MOST_UNKNOWN:
            raise JobError(
                f"text: expected text in the teacher's language and script, got {share:.0%} of the tokens unknown to its vocabulary. Give other text, or a job of a teacher for this text."
            )


def held_out_rows(place: TextPlace, maker: RowMaker, seed: int, wanted: int) -> tuple[HeldOut, Packed]:
    """The first rows of held-out text: as many as are wanted, or as a tenth of the text has."""
    everything = HeldOut(seed, 1 << 62)
    chosen: list[Piece] = []
    last = -1
    tokens = 0
    for piece in pieces(place.documents()):
        last = piece.number
        if not everything.holds(piece.number):
            continue
        chosen.append(piece)
        tokens += sum(map(len, maker.tokenizer.lines(piece.lines)))
        if tokens >= wanted * maker.sequence:
            break
    if last + 1 < _BLOCK and (not chosen or len(chosen) > last):
        raise JobError(f"text: expected {_BLOCK} documents, or pieces of {_PIECE_LINES} lines, to hold one out of, got {last + 1}. Give more text.")
    packed = maker.pack(chosen)
    documents = None if packed.documents is None else packed.documents[:wanted]
    return HeldOut(seed, last), Packed(packed.rows[:wanted], documents)


@dataclass(frozen=True)
class Rows:
    """Some rows of the text, in the order that the seed gives."""

    packed: Packed
    #: Seeds of their masking.
    seeds: list[int]


class RowStream:
    """
    An endless stream of rows, the same for any number of processes. The text is cut into chunks; each is tokenised by one process, which
    tells the others. Within an epoch no token comes twice.
    """

    def __init__(self, place: TextPlace, maker: RowMaker, held: HeldOut, seed: int, processes: Processes, cursor: Cursor) -> None:
        self._place = place
        self._maker = maker
        self._held = held
        self._seed = seed
        self._processes = processes
        self.cursor = cursor
        self._chunk: Packed | None = None
        self._queue: queue.Queue[tuple[int, int, Packed | None] | BaseException] = queue.Queue(processes.count + 1)
        self._ended = threading.Event()
        threading.Thread(target=self._read, args=(cursor,), daemon=True).start()

    def state(self) -> dict[str, Any]:
        return asdict(self.cursor)

    def close(self) -> None:
        self._ended.set()

    def next(self, count: int) -> Rows:
        taken: list[Packed] = []
        seeds: list[int] = []
        while count > 0:
            chunk = self._current()
            start = self.cursor.taken
            part = Packed(chunk.rows[start : start + count], None if chunk.documents is None else chunk.documents[start : start + count])
            got = len(part.rows)
            c = self.cursor
            seeds += [mixed(self._seed, 2, c.epoch, c.chunk, start + i) for i in range(got)]
            self.cursor = Cursor(c.epoch, c.chunk, start + got, c.rows + got)
            if self.cursor.taken >= len(chunk.rows):
                self._chunk = None
            taken.append(part)
            count -= got
        documents = None if taken[0].documents is None else np.concatenate([p.documents for p in taken if p.documents is not None])
        return Rows(Packed(np.concatenate([p.rows for p in taken]), documents), seeds)

    def _current(self) -> Packed:
        if self._chunk is not None:
            return self._chunk
        while True:
            found = self._queue.get()
            problem = found if isinstance(found, BaseException) else None
            self._processes.raise_together(problem)
            assert not isinstance(found, BaseException)
            epoch, number, mine = found
            packed: Packed = self._processes.broadcast(mine, number % self._processes.count)
            c = self.cursor
            if (epoch, number) != (c.epoch, c.chunk):
                self.cursor = Cursor(epoch, number, 0, c.rows)
            if len(packed.rows) > self.cursor.taken:
                self._chunk = packed
                return packed

    def _read(self, start: Cursor) -> None:
        """In a thread: reads all, tokenises this process's chunks."""
        try:
            epoch, first = start.epoch, start.chunk
            while not self._ended.is_set():
                before = number = -1
                for number, chosen in self._chunks():
                    if number < first:
                        continue
                    mine = number % self._processes.count == self._processes.rank
                    self._put((epoch, number, self._shuffled(self._maker.pack(chosen), epoch, number) if mine else None))
                    before = number
                if before < 0:
                    raise JobError("text: expected text to train on, got none. Give more text.")
                epoch, first = epoch + 1, 0
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self._put(error)

    def _put(self, item: tuple[int, int, Packed | None] | BaseException) -> None:
        while not self._ended.is_set():
            try:
                self._queue.put(item, timeout=0.5)
                return
            except queue.Full:
                continue

    def _chunks(self) -> Iterator[tuple[int, list[Piece]]]:
        chosen: list[Piece] = []
        characters = 0
        number = 0
        for piece in pieces(self._place.documents()):
            if self._held.holds(piece.number):
                continue
            chosen.append(piece)
            characters += piece.characters
            if characters >= CHUNK:
                yield number, chosen
                chosen, characters, number = [], 0, number + 1
        if chosen:
            yield number, chosen

    def _shuffled(self, packed: Packed, epoch: int, number: int) -> Packed:
        order = np.argsort(keys(mixed(self._seed, 3, epoch, number), len(packed.rows)), kind="stable")
        return Packed(packed.rows[order], None if packed.documents is None else packed.documents[order])
