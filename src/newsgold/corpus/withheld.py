"""Withheld gold: a public release without the labels of a split, the sealed part that has them, and the proof.

The public release has the articles of the split, and ``withheld.json`` with a *commitment*: the SHA-256 of a secret salt
followed by the canonical gold of the split, a line a document, sorted by id. Who published it can no longer change that
gold unseen. The salt, 32 random bytes, keeps anybody from trying likely gold until the sum fits; it is in the sealed part
alone. That is a ``documents`` Parquet file, which the scorer takes as --gold; once it is shown, everybody can check it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa

from newsgold.corpus import tables
from newsgold.corpus.codec import encode, read_bytes
from newsgold.corpus.labels import Labels
from newsgold.corpus.tables import ROW_GROUP, Document, ShardWriter, read_rows
from newsgold.corpus.versions import about
from newsgold.errors import DataError, FileFault, Finding, UsageError, finding, quote

FILE = "withheld.json"
SECTION, TITLE = "withheld", "Gold that is withheld"
SALT_BYTES = 32


class Commitment(msgspec.Struct, frozen=True, kw_only=True):
    """``withheld.json``."""

    version: str
    split: str
    documents: int
    """How many of them have gold that is withheld."""
    commitment: str
    """SHA-256 in hex."""
    of: str = "the salt, then the gold as canonical JSON, a line a document, sorted by id"


class Checked(NamedTuple):
    """What the sealed part and the public one say, where they agree."""

    commitment: str
    split: str
    documents: int


class Withheld:
    """The part of a release that leaves out the gold of a split and commits to it."""

    section = SECTION
    title = TITLE
    whole = False

    def __init__(self, split: str, salt: bytes) -> None:
        self.split = split
        self.salt = salt
        self.documents: list[Document] = []
        self.sealed = b""
        """The sealed part, once closed."""

    def change(self, document: Document) -> Document:
        """The document, without gold if it is in the split."""
        if document.article.split != self.split or document.gold is None:
            return document
        self.documents.append(document)
        return Document(document.article, None)

    def close(self, version: str, labels: Labels) -> tuple[Mapping[str, bytes], str]:
        """``withheld.json``, and what the card says."""
        if not self.documents:
            raise UsageError(f"no document of the split {self.split} has gold to withhold")
        made = commit(self.salt, self.documents)
        value = Commitment(version=version, split=self.split, documents=len(self.documents), commitment=made)
        schema = tables.features(labels)["documents"].arrow_schema
        writer = ShardWriter(schema)
        for start in range(0, len(self.documents), ROW_GROUP):
            some = self.documents[start : start + ROW_GROUP]
            writer.write(tables.tables(some, labels, {"documents": schema})["documents"])
        said = {"config": "documents", "version": version, "labels": msgspec.to_builtins(labels)}
        self.sealed = writer.close({**said, "split": self.split, "salt": self.salt.hex(), "commitment": made}).data
        return {FILE: msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"}, _about(value)


class Published:
    """The same part of a release that is there already: its documents come without the gold."""

    section = SECTION
    title = TITLE
    whole = False

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def change(self, document: Document) -> Document:
        """The document as it is."""
        return document

    def close(self, _version: str, _labels: Labels) -> tuple[Mapping[str, bytes], str]:
        """What was published."""
        return {FILE: self.raw}, _about(msgspec.json.decode(self.raw, type=Commitment))


def _about(value: Commitment) -> str:
    return (
        f"The gold of {value.documents:,} document(s) of the split `{value.split}` is withheld, so that no system is tuned on it;"
        f" their articles are here. It was fixed when version {value.version} was built, and nobody can change it unseen, those"
        f" who keep it included. Commitment:\n\n`sha256:{value.commitment}`\n\nIt is of {value.of}; `{FILE}` has it for"
        " machines. When the gold is shown, `newsgold corpus commitment` checks it."
    )


def commit(salt: bytes, documents: Iterable[Document]) -> str:
    """The commitment to the gold of some documents, in hex; ``documents`` are sorted by id, their gold canonical."""
    digest = hashlib.sha256(salt)
    for _, gold in documents:
        if gold is not None:
            digest.update(encode(gold) + b"\n")
    return digest.hexdigest()


def salt_for(sealed: Path, given: Path | None) -> bytes:
    """The salt: from a file of 64 hex digits, else that of the sealed part that is there, else a new one."""
    if given is None:
        return _salt(sealed, read_bytes(sealed)) if sealed.exists() else secrets.token_bytes(SALT_BYTES)
    text = read_bytes(given).strip()
    try:
        salt = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        salt = b""
    if len(salt) != SALT_BYTES:
        raise UsageError(f"{given} is no salt: it must hold {2 * SALT_BYTES} hex digits")
    return salt


def check(sealed: Path, public: Path) -> Checked:
    """Hold a sealed part against the commitment that a public release made.

    Raises:
        DataError: they do not fit.
        FileFault: one of them cannot be read.
    """
    data = read_bytes(sealed)
    salt = _salt(sealed, data)
    value = published(public)
    if value is None:
        raise FileFault(f"{public} withholds nothing: it has no {FILE}")
    rows = [Document(article, gold) for article, gold in read_rows(pa.BufferReader(data))]
    made = commit(salt, sorted(rows, key=lambda document: document.article.id))
    found = []
    if (made, len(rows)) != (value.commitment, value.documents):
        found.append(_differs(sealed, f"sha256 {made[:12]} of {len(rows)} document(s)", value))
    card = read_bytes(public / "README.md")
    if f"sha256:{value.commitment}".encode() not in card:
        found.append(_differs(public / "README.md", "a card without it", value))
    if found:
        raise DataError(f"{sealed} is not what {public} committed to", found)
    return Checked(value.commitment, value.split, value.documents)


def _differs(path: Path, got: str, value: Commitment) -> Finding:
    return finding("COMMITMENT", str(path), got=got, wanted=f"sha256 {value.commitment[:12]} of {value.documents} document(s)")


def refuse_other(public: Path, files: Mapping[str, bytes]) -> None:
    """Raises :class:`UsageError` where a public release has committed to other gold under the version to be written."""
    before, now = published(public), msgspec.json.decode(files[FILE], type=Commitment)
    if before is not None and before.version == now.version and before != now:
        raise UsageError(
            f"{public} has committed to other gold under {now.version}, or with another salt: give the next version with"
            " --version, or the sealed part that belongs to it"
        )


def published(public: Path) -> Commitment | None:
    """What a public release committed to; ``None`` if it withholds nothing."""
    path = public / FILE
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(read_bytes(path), type=Commitment)
    except msgspec.DecodeError as error:
        raise FileFault(f"{path} cannot be read: {quote(str(error), 160)}") from error


def _salt(sealed: Path, data: bytes) -> bytes:
    said = about(data).get("salt")
    try:
        salt = bytes.fromhex(said) if isinstance(said, str) else b""
    except ValueError:
        salt = b""
    if len(salt) != SALT_BYTES:
        raise FileFault(f"{sealed} is no sealed part: it carries no salt")
    return salt
