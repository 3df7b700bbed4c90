"""TOML as we read it: strict, and with the line of every value.

The standard parser says nothing of places, so the lines are found by a second,
shallow reading of text that is known to parse.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from typing import Any

from newsgold.errors import Finding, finding, quote

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r]+|\#[^\n]*)
    |(?P<string>\"{3}(?:[^\\]|\\.)*?\"{3,5}|'{3}.*?'{3,5}|"(?:[^"\\]|\\.)*"|'[^']*')
    |(?P<mark>[\[\]{},=.\n])
    |(?P<bare>[^\s\[\]{},="'.\#]+)""",
    re.DOTALL | re.VERBOSE,
)


def decode_toml(raw: bytes, path: str) -> dict[str, Any] | Finding:
    """The table of a TOML file, or why it is none."""
    if raw.startswith(b"\xef\xbb\xbf"):
        return finding("BOM", path, line=1)
    try:
        text = raw.decode("utf-8")
        table = _plain_table(text)
        return tomllib.loads(text) if table is None else table
    except UnicodeDecodeError as error:
        at = raw.count(b"\n", 0, error.start) + 1
        return finding("NOT_UTF8", path, line=at, got=f"0x{raw[error.start]:02x} at byte {error.start}")
    except RecursionError:
        return finding("BAD_TOML", path, got="values nested too deeply")
    except ValueError as error:  # TOMLDecodeError, and what int() says of 5,000 digits
        place = re.search(r"at line (\d+)", str(error))
        return finding("BAD_TOML", path, line=int(place[1]) if place else 0, got=quote(str(error), 160))


_STRING = r'"([^"\\\x00-\x08\x0a-\x1f\x7f]*)"'
_NUMBER = r"(0|[1-9][0-9]{0,14})"
_PAIR = re.compile(rf"([A-Za-z0-9_-]+) = (?:{_STRING}|{_NUMBER})")
_LINES = re.compile(rf"{_PAIR.pattern}\n|([A-Za-z0-9_-]+) = \[\n((?:    \{{ [^\n]+ \}},\n)*)\]\n|\[([A-Za-z0-9_-]+)\]\n|\n")


def _plain_table(text: str) -> dict[str, Any] | None:
    """The table of a text in the few forms that we write ourselves, six times as fast; ``None`` for all others."""
    top: dict[str, Any] = {}
    table = top
    end = 0
    for match in _LINES.finditer(text):
        if match.start() != end:
            return None
        end = match.end()
        name, string, number, array, rows, header = match.groups()
        name = name or array or header
        if name is None:
            continue
        where = top if header else table
        if name in where:
            return None
        if header:
            table = top[header] = {}
        elif array:
            table[array] = value = [*map(_plain_row, rows.splitlines(keepends=True))]
            if None in value:
                return None
        else:
            table[name] = string if number is None else int(number)
    return top if end == len(text) else None


def _plain_row(row: str) -> dict[str, Any] | None:
    pairs = _PAIR.findall(row)
    value = {name: int(number) if number else string for name, string, number in pairs}
    # what was found is all there is if it gives the row again
    again = ", ".join([f"{name} = {number}" if number else f'{name} = "{string}"' for name, string, number in pairs])
    return value if len(value) == len(pairs) and row == f"    {{ {again} }},\n" else None


def locate_toml(raw: bytes, pointer: str) -> int:
    """How many line breaks stand before the key of the value at a pointer; the deepest part that exists counts."""
    lines = _lines(raw)
    while pointer and pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return lines.get(pointer, 0)


@lru_cache(maxsize=16)
def _lines(raw: bytes) -> dict[str, int]:
    return _Places(raw.decode("utf-8")).lines


class _Places:
    """The line, counted from 0, on which each key of a valid TOML text stands, and each member of an array."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str, int]] = []
        line = last = 0
        for match in _TOKEN.finditer(text):
            line += text.count("\n", last, match.start())
            last = match.start()
            if match.lastgroup != "blank":
                self.tokens.append((match.lastgroup or "", match[0], line))
        self.tokens.append(("mark", "\n", line))
        self.at = 0
        self.lines: dict[str, int] = {}
        self.members: dict[str, int] = {}
        """How many members each array of tables has so far."""
        table = ""
        while self.at < len(self.tokens):
            if self.see("[", "["):
                table = self.header(2)
            elif self.see("["):
                table = self.header(1)
            elif self.see("\n"):
                self.at += 1
            else:
                self.pair(table)

    def see(self, *marks: str) -> bool:
        """Whether these marks come next."""
        return [(kind, text) for kind, text, _ in self.tokens[self.at : self.at + len(marks)]] == [("mark", m) for m in marks]

    def skip_breaks(self) -> None:
        while self.see("\n"):
            self.at += 1

    def header(self, depth: int) -> str:
        """The pointer of ``[table]`` or of a new member of ``[[table]]``."""
        self.at += depth
        pointer, line = self.keys("")
        self.at += depth
        if depth == 1:
            return pointer
        number = self.members.get(pointer, 0)
        self.members[pointer] = number + 1
        self.lines[f"{pointer}/{number}"] = line
        return f"{pointer}/{number}"

    def keys(self, table: str) -> tuple[str, int]:
        """The pointer and the line of a dotted key; within an array of tables its last member is meant."""
        pointer, line = table, self.tokens[self.at][2]
        while True:
            if self.members.get(pointer):
                pointer = f"{pointer}/{self.members[pointer] - 1}"
            kind, text, line = self.tokens[self.at]
            name = text
            if kind == "string":
                name = next(iter(tomllib.loads(f"{text} = 0")))
            pointer = f"{pointer}/{name}"
            self.lines.setdefault(pointer, line)
            self.at += 1
            if not self.see("."):
                return pointer, line
            self.at += 1

    def pair(self, table: str) -> None:
        pointer, _ = self.keys(table)
        self.at += 1  # the equals sign
        self.value(pointer)

    def value(self, pointer: str) -> None:
        if self.see("["):
            self.at += 1
            number = 0
            self.skip_breaks()
            while not self.see("]"):
                self.lines[f"{pointer}/{number}"] = self.tokens[self.at][2]
                self.value(f"{pointer}/{number}")
                number += 1
                self.skip_breaks()
                if self.see(","):
                    self.at += 1
                self.skip_breaks()
            self.at += 1
        elif self.see("{"):
            self.at += 1
            while not self.see("}"):
                self.pair(pointer)
                if self.see(","):
                    self.at += 1
            self.at += 1
        else:
            while not any(map(self.see, (",", "]", "}", "\n"))):
                self.at += 1
