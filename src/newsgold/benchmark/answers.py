"""What a system answered, held against its article.

An answer is any value: an :class:`Annotation`, the bytes of a record as a
server sent them, or something else altogether. It is read back as from a
file, which checks every field, and then checked as a prediction. Nothing in
it is mended: what has the published shape is signed and kept as it is, and
what has not is kept too, for it was paid for.

A system that is wrong is wrong many times in the same way, so that findings
are gathered by kind: one for each code, with the first places and the count.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from newsgold.corpus.codec import Record, decode_record, encode, sha256
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import LAYERS, Annotation, Article
from newsgold.corpus.validate import check_annotation
from newsgold.errors import FAULTS, Finding, finding, printable, quote

SHOWN = 3
"""How many places a kind of fault names, apart from the first."""


class Fault(NamedTuple):
    """One way in which an answer is at fault."""

    first: Finding
    places: int
    """In how many places of the document."""
    kind: str = ""
    """What tells it from others of the code."""


class Checked(NamedTuple):
    """An answer that was looked at."""

    sound: bool
    """Whether it is a record of the published shape about this article, so that it can stand among predictions."""
    faults: tuple[Fault, ...]


class Against(NamedTuple):
    """What answers are held against."""

    by: str
    """The name that signs them."""
    labels: Labels
    kb: frozenset[str] | None = None


def signed(answer: object, article: Article, by: str) -> bytes:
    """An answer as it is kept: a record with the system's name and, where it gives none, the text's hash.

    What has not the shape of a record is kept as JSON as it came; of what JSON cannot hold the reason is kept.
    """
    if isinstance(answer, (bytes, dict)):
        data = answer if isinstance(answer, bytes) else _encoded(answer)
        found = decode_record(data, Annotation, "")
        if isinstance(found, list):
            return data
        answer = found
    if isinstance(answer, Annotation) and all(isinstance(getattr(answer, layer), _LISTS) for layer in LAYERS):
        text_sha256 = answer.text_sha256 or article.text_sha256 or sha256(article.text)
        with contextlib.suppress(*_NO_JSON):
            return encode(msgspec.structs.replace(answer, by=by, text_sha256=text_sha256))
    return _encoded(answer)


_LISTS = (tuple, list, type(None))
_NO_JSON = (TypeError, ValueError, RecursionError, msgspec.MsgspecError)


def _encoded(answer: object) -> bytes:
    try:
        return msgspec.json.encode(answer)
    except _NO_JSON as error:
        return msgspec.json.encode(f"a {type(answer).__name__} that is no JSON: {quote(str(error), 160)}")


def plain_usage(usage: object) -> tuple[dict[str, float], str]:
    """What of a usage can be stored and summed, and in words what cannot: names that no text can hold, and amounts that are
    no number from 0 on.
    """
    if not isinstance(usage, Mapping):
        return {}, f"usage left out: a {type(usage).__name__}"
    good: dict[str, float] = {}
    bad = []
    for name, amount in usage.items():
        number = isinstance(amount, int | float) and not isinstance(amount, bool)
        if number and 0 <= amount < _MOST and isinstance(name, str) and name == printable(name):
            good[name] = int(amount) if isinstance(amount, int) else float(amount)
        else:
            shown = isinstance(amount, float) or (number and -_MOST < amount < _MOST)
            what = f"{amount:.6g}" if shown else f"a {type(amount).__name__}"
            bad.append(f"{quote(name, 40) if isinstance(name, str) else type(name).__name__} ({what})")
    return good, f"usage left out: {', '.join(bad[:SHOWN])}" if bad else ""


_MOST = 2**62
"""No usage comes near, and the sum of two that are below can still be stored."""


def check(data: bytes, article: Article, against: Against) -> Checked:
    """What is wrong with an answer as it is kept."""
    value = decode_record(data, Annotation, _place(against))
    if isinstance(value, list):
        return Checked(False, _faults([f._replace(line=0, doc=article.id) for f in value]))
    return _check(value, article, against)


def _place(against: Against) -> str:
    return f"<{against.by}>"


def _check(value: Annotation, article: Article, against: Against) -> Checked:
    """An annotation of the published shape, held against its article."""
    place = _place(against)
    if value.id != article.id:
        got, wanted = quote(value.id), quote(article.id)
        fault = finding("UNKNOWN_DOCUMENT", place, doc=article.id, pointer="/id", got=got, wanted=wanted)
        return Checked(False, (Fault(fault, 1),))
    found = check_annotation(Record(value, place, 0), against.labels, "prediction", article, against.kb)
    if not found:
        return Checked(True, ())
    found, unit = _in_another_unit(found, value, article, place)
    return Checked(True, _faults(map(_spelt, found), unit))


def _faults(found: Iterable[Finding], unit: str = "") -> tuple[Fault, ...]:
    """The findings of one document by their code and severity."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for fault in found:
        alike.setdefault((fault.code, fault.severity), []).append(fault)
    return tuple(Fault(all_[0], len(all_), unit if code == "OFFSET_UNIT" else "") for (code, _), all_ in alike.items())


# ------------------------------------------------------------------ recognised faults

_Reading = Callable[[int, int], str | bytes]


def _readings(text: str) -> dict[str, tuple[_Reading, str]]:
    """Other ways to count offsets: what stands at a span, and the encoding of a surface to compare it with."""
    utf8, utf16 = text.encode("utf-8"), text.encode("utf-16-le")
    return {
        "count UTF-8 bytes": (lambda start, end: utf8[start:end], "utf-8"),
        "count UTF-16 units": (lambda start, end: utf16[2 * start : 2 * end], "utf-16-le"),
        "end with the last character included": (lambda start, end: text[start : end + 1], ""),
        "count from 1": (lambda start, end: text[start - 1 : end - 1], ""),
        "count from 1 and end with the last character included": (lambda start, end: text[start - 1 : end], ""),
    }


def _in_another_unit(found: list[Finding], value: Annotation, article: Article, place: str) -> tuple[list[Finding], str]:
    """The findings, where those of spans that are counted in another way say in which; and that way, if there is one."""
    surfaces = [(i, m.start, m.end, m.text) for i, m in enumerate(value.mentions or ()) if m.text]
    wrong = {i for i, start, end, surface in surfaces if article.text[max(start, 0) : max(end, 0)] != surface}
    if not wrong:
        return found, ""
    best, right = "", {i for i, *_ in surfaces} - wrong
    for reading, (at, encoding) in _readings(article.text).items():
        fits = {
            i
            for i, start, end, surface in surfaces
            if 0 <= start < end and at(start, end) == (surface.encode(encoding) if encoding else surface)
        }
        if len(fits) > len(right):
            best, right = reading, fits
    if not best or 10 * len(right) < 9 * len(surfaces):
        return found, ""
    explained = wrong & right
    pointers = {f"/mentions/{i}{field}" for i in explained for field in ("", "/text")}
    kept = [f for f in found if f.code not in ("SURFACE_MISMATCH", "SPAN_OUTSIDE") or f.pointer not in pointers]
    got = f"{len(right)} of {len(surfaces)} surfaces fit if offsets {best}"
    told = [
        finding("OFFSET_UNIT", place, doc=article.id, pointer=f"/mentions/{i}", got=got, wanted="code points")
        for i in sorted(explained)
    ]
    return [*told, *kept], best


def _spelt(fault: Finding) -> Finding:
    """The finding of an unknown label with the label that differs from it in case alone, if there is one."""
    if not fault.code.startswith("UNKNOWN_"):
        return fault
    got = fault.got.casefold()
    same = [name for name in fault.wanted.split(", ") if quote(name).casefold() == got]
    return fault._replace(wanted=quote(same[0])) if same else fault


# --------------------------------------------------------------------- one of a kind


class Kind(NamedTuple):
    """What went wrong in one way, over all documents of a run."""

    first: Finding
    more: tuple[str, ...]
    """The next places, in words."""
    places: int
    documents: int


Kinds = dict[tuple[str, str, str], Kind]
"""By code, severity and kind."""


def gather(kinds: Kinds, faults: Iterable[Fault]) -> None:
    """Add one document's faults to those of their kinds."""
    for first, places, name in faults:
        key = (first.code, first.severity, name)
        known = kinds.get(key)
        if known is None:
            kinds[key] = Kind(first, (), places, 1)
        else:
            more = known.more if len(known.more) == SHOWN else (*known.more, f"{first.doc} {first.pointer}".rstrip())
            kinds[key] = Kind(known.first, more, known.places + places, known.documents + 1)


def kinds_of(faults: Mapping[str, Iterable[Fault]], order: Iterable[str]) -> Kinds:
    """The faults of documents, by id, as kinds; the first place is in the first document of an order."""
    kinds: Kinds = {}
    for name in order:
        gather(kinds, faults.get(name, ()))
    return kinds


def told(kinds: Kinds) -> list[Finding]:
    """One finding for each kind, in the order of the table: the first place, how many there are, and the next ones."""
    order = {code: i for i, code in enumerate(FAULTS)}
    return [_told(kinds[key]) for key in sorted(kinds, key=lambda key: (order[key[0]], key))]


def _told(kind: Kind) -> Finding:
    if kind.places == 1:
        return kind.first
    said = f"{kind.places:,} places in {kind.documents:,} document(s)"
    also = f"; also {', '.join(kind.more)}" if kind.more else ""
    got = f"{kind.first.got}; {said}{also}" if kind.first.got else f"{said}{also}"
    return kind.first._replace(got=got)
