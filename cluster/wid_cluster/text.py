"""Text as a stream of documents: local files, or a data set that `datasets` streams."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Iterator

from .errors import JobError

#: Plain files up to this size are one document; larger ones are cut at blank lines, or where a section gets too long.
_WHOLE_BYTES = 256 * 1024
_SECTION = 16 * 1024
_LONGEST_SECTION = 64 * 1024
_PLAIN = {".txt", ".md", ""}
_TABLES = {".jsonl": "json", ".ndjson": "json", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}
#: Columns by their usual names, the likeliest first.
_USUAL = ("text", "full_text", "content", "body", "document", "article", "sentence", "sentences", "passage", "abstract", "review", "smiles")


@dataclass(frozen=True)
class Document:
    text: str
    #: Its lines lie apart if documents do: a plain file says nothing else of where its documents end.
    by_line: bool


@dataclass(frozen=True)
class TextPlace:
    """Where the text is: paths, or the id of a data set on the Hub."""

    given: tuple[str, ...]
    column: str | None = None
    split: str = "train"
    configuration: str | None = None

    def files(self) -> list[Path] | None:
        """Local files in order; None = a data set on the Hub."""
        found: list[Path] = []
        for given in self.given:
            path = Path(given)
            if path.is_dir():
                inside = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in _PLAIN | set(_TABLES) and p.suffix)
                if not inside:
                    raise JobError(f"text: {given} — expected .txt, .jsonl, .csv, .tsv or .parquet files in it, got none. Give another folder.")
                found += inside
            elif path.is_file():
                if path.suffix.lower() not in _PLAIN | set(_TABLES):
                    raise JobError(f"text: {given} — expected .txt, .jsonl, .csv, .tsv or .parquet, got {path.suffix}. Unpack or convert it.")
                found.append(path)
            elif len(self.given) == 1 and not given.startswith((".", "/")) and given.count("/") <= 1:
                return None
            else:
                raise JobError(f"text: {given} — expected a file, a folder or the id of a data set, got nothing of that name. Correct the path.")
        return found

    def digest(self) -> str:
        """Of names and sizes: a job goes on with the same text alone."""
        files = self.files()
        listed = [*self.given, self.split, str(self.configuration)] if files is None else [f"{p.name} {p.stat().st_size}" for p in files]
        return hashlib.sha256("\n".join([*listed, str(self.column)]).encode()).hexdigest()

    def documents(self) -> Iterator[Document]:
        files = self.files()
        if files is None:
            yield from self._hub()
            return
        for path in files:
            if path.suffix.lower() in _PLAIN:
                yield from plain_documents(path)
            else:
                yield from self._table(path)

    def _table(self, path: Path) -> Iterator[Document]:
        from datasets import load_dataset

        kind = _TABLES[path.suffix.lower()]
        more: dict[str, Any] = {"sep": "\t"} if path.suffix.lower() == ".tsv" else {}
        rows = load_dataset(kind, data_files=str(path), split="train", streaming=True, **more)
        yield from self._column(rows, path.name)

    def _hub(self) -> Iterator[Document]:
        from datasets import load_dataset

        try:
            rows = load_dataset(self.given[0], self.configuration, split=self.split, streaming=True)
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise JobError(
                f"text: {self.given[0]} — expected a file, a folder or the id of a data set on the Hub, got none ({reason}). Correct it, or give --split or --configuration."
            ) from error
        yield from self._column(rows, self.given[0])

    def _column(self, rows: Iterable[dict[str, Any]], name: str) -> Iterator[Document]:
        chosen = self.column
        for row in rows:
            if chosen is None:
                strings = [key for key, value in row.items() if isinstance(value, str)]
                chosen = next((key for usual in _USUAL for key in strings if key.lower() == usual), strings[0] if strings else None)
                if chosen is None:
                    raise JobError(f"text: {name} — expected a column of text, got {', '.join(row)}. Name it with --column.")
            if chosen not in row:
                raise JobError(f"text: {name} — expected one of the columns {', '.join(row)}, got --column {chosen}. Choose one of them.")
            if isinstance(row[chosen], str):
                yield Document(row[chosen], False)


def plain_documents(path: Path) -> Iterator[Document]:
    """A small file is a document, a large one is cut into documents at blank lines."""
    whole = path.stat().st_size <= _WHOLE_BYTES
    lines: list[str] = []
    characters = 0
    with path.open(encoding="utf-8", errors="replace", newline=None) as file:
        for line in file:
            lines.append(line)
            characters += len(line)
            if not whole and characters > (_LONGEST_SECTION if line.strip() else _SECTION):
                yield Document("".join(lines), True)
                lines, characters = [], 0
    if lines:
        yield Document("".join(lines), True)
