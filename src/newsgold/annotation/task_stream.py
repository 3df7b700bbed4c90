"""A JSON array, or JSON values one after another, read value by value.

Exports grow to hundreds of megabytes, most of it in one line; memory is
bounded by the largest value, which is capped. Every value is strict JSON, with
the findings of :mod:`newsgold.corpus.codec`.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

import msgspec

from newsgold.corpus.codec import Strict, has_long_number
from newsgold.corpus.model import MAX_RECORD_BYTES
from newsgold.errors import FileFault, Finding, finding, quote

_CHUNK = 1 << 16
_MOST = 1 << 22
"""How far is read ahead at most, however long the values are."""
_TOKEN = 12
"""No JSON token but a string is longer than this where its reader notices that it breaks off."""
_BLANKS = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_COLON = re.compile(r"\\u003[aA]")


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


_FAST = json.JSONDecoder(parse_constant=_constant, parse_float=_float)
"""Twice as fast as with hooks for objects and integers; what those would notice, :meth:`_Buffer.doubtful` does."""


class Value(NamedTuple):
    """A value of the stream, or what is wrong with it."""

    value: Any
    pointer: str
    """JSON pointer in an array, empty elsewhere."""
    line: int
    """1-based line on which it begins."""
    findings: tuple[Finding, ...] = ()


class _End(Exception):
    """Nothing after this fault can be read."""

    def __init__(self, fault: Finding) -> None:
        super().__init__(fault.code)
        self.fault = fault


def read_values(path: Path) -> Iterator[Value]:
    """The members of an array, or the values of a sequence such as JSONL."""
    try:
        with path.open("rb") as file:
            buffer = _Buffer(file, str(path))
            try:
                yield from _members(buffer)
            except _End as end:
                yield Value(None, "", buffer.line, (end.fault,))
    except OSError as error:
        raise FileFault(f"cannot read {path}: {error.strerror or error}") from error


def _members(buffer: _Buffer) -> Iterator[Value]:
    first = buffer.peek()
    if not first:
        raise buffer.end("EMPTY_FILE")
    if first == "\ufeff":
        raise buffer.end("BOM")
    if first not in "[{":
        raise buffer.end("LS_NOT_JSON_EXPORT", got=f"a file that begins with {quote(first)}")
    array = first == "["
    if array:
        buffer.skip()
    number = 0
    while (char := buffer.peek()) != "]" or not array:
        if not char:
            if array:
                raise buffer.end("TRUNCATED", got=f"no ] after {number} tasks")
            return
        if array and number:
            buffer.expect(",")
        yield buffer.take(f"/{number}" if array else "")
        number += 1
    buffer.skip()
    if buffer.peek():
        raise buffer.end("BAD_JSON", got="text after the end of the array")


class _Buffer:
    """A window on the file's text that starts where reading has come to."""

    def __init__(self, file: BinaryIO, path: str) -> None:
        self.file = file
        self.path = path
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.text = ""
        self.at = 0
        self.line = 1
        self.eof = False
        self.taken = 0
        """How many bytes were read from the file."""
        self.longest = 0
        """The length of the longest value so far."""

    def end(self, code: str, got: str = "", wanted: str = "") -> _End:
        return _End(finding(code, self.path, line=self.line, got=got, wanted=wanted))

    def fill(self) -> None:
        """Read on: several values, or as much again as is there, so that few are scanned twice and none many times."""
        rest = self.text[self.at :]
        raw = self.file.read(max(_CHUNK, len(rest), min(4 * self.longest, _MOST)))
        self.eof = not raw
        try:
            self.text, self.at = rest + self.decoder.decode(raw, final=self.eof), 0
        except UnicodeDecodeError as error:
            # the decoder may still hold the first bytes of a character, from the chunk before
            offset = self.taken - (len(error.object) - len(raw)) + error.start
            self.line += rest.count("\n") + error.object.count(b"\n", 0, error.start)
            raise self.end("NOT_UTF8", got=f"0x{error.object[error.start]:02x} at byte {offset}") from error
        self.taken += len(raw)

    def peek(self) -> str:
        """The next character that is no blank, or nothing at the end."""
        while True:
            match = _BLANKS.match(self.text, self.at)
            self.advance(match.end() if match else self.at)
            if self.at < len(self.text) or self.eof:
                return self.text[self.at : self.at + 1]
            self.fill()

    def skip(self) -> None:
        self.at += 1

    def advance(self, to: int) -> None:
        self.line += self.text.count("\n", self.at, to)
        self.at = to

    def expect(self, char: str) -> None:
        if self.peek() != char:
            raise self.end("BAD_JSON", got=quote(self.peek()), wanted=quote(char))
        self.skip()
        if not self.peek():
            raise self.end("TRUNCATED")

    def take(self, pointer: str) -> Value:
        """The value that begins here."""
        self.peek()
        while True:
            try:
                value, end, notes = self.decode()
            except json.JSONDecodeError as error:
                self.more_or_end(error)
                continue
            except RecursionError:
                raise self.end("TOO_DEEP") from None
            break
        line = self.line
        notes = self.faults(value, end) + notes
        found = tuple(finding(code, self.path, line=line, pointer=pointer, got=got) for code, got in notes)
        self.longest = max(self.longest, end - self.at)
        self.advance(end)
        return Value(None if found else value, pointer, line, found)

    def decode(self) -> tuple[Any, int, list[tuple[str, str]]]:
        """The value that begins here, where it ends, and what a parser would accept in silence."""
        try:
            value, end = _FAST.raw_decode(self.text, self.at)
            if not self.doubtful(value, end):
                return value, end, []
        except json.JSONDecodeError:
            raise
        except ValueError:
            pass  # NaN, 1e999, or thousands of digits
        strict = Strict()
        decoder = json.JSONDecoder(
            object_pairs_hook=strict.pairs, parse_constant=strict.constant, parse_float=strict.float, parse_int=strict.integer
        )
        value, end = decoder.raw_decode(self.text, self.at)
        return value, end, strict.notes

    def doubtful(self, value: Any, end: int) -> bool:
        """Whether a key may stand twice, or a number be too large.

        Written again, a value has every colon of its text once more, unless an object lost a pair, or a colon
        was written as an escape.
        """
        try:
            again = msgspec.json.encode(value)
        except (ValueError, OverflowError, RecursionError):
            return True
        colons = self.text.count(":", self.at, end)
        return again.count(b":") != colons or _COLON.search(self.text, self.at, end) is not None or has_long_number(again)

    def more_or_end(self, error: json.JSONDecodeError) -> None:
        """Read on if the value may only be cut by the window; otherwise stop."""
        margin = 0 if self.eof else _TOKEN
        cut = error.pos >= len(self.text) - margin or error.msg.startswith("Unterminated string")
        if self.eof or not cut:
            self.line += self.text.count("\n", self.at, error.pos)
            raise self.end("TRUNCATED" if cut else "BAD_JSON", got=quote(error.msg))
        if len(self.text) - self.at > MAX_RECORD_BYTES:
            raise self.end("RECORD_TOO_LONG", wanted=f"at most {MAX_RECORD_BYTES:,} bytes a task")
        self.fill()

    def faults(self, value: Any, end: int) -> list[tuple[str, str]]:
        """What the parser cannot notice: size, and halves of surrogate pairs."""
        found = []
        if end - self.at > MAX_RECORD_BYTES // 4:
            size = len(self.text[self.at : end].encode("utf-8"))
            if size > MAX_RECORD_BYTES:
                found.append(("RECORD_TOO_LONG", f"{size:,} bytes"))
        if _SURROGATE.search(self.text, self.at, end):
            try:
                json.dumps(value, ensure_ascii=False).encode("utf-8")
            except UnicodeEncodeError as error:
                found.append(("LONE_SURROGATE", quote(error.object[error.start])))
        return found
