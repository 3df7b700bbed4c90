"""What the peers' modules share: reading files, ratios with the peers' zero, and our own number for comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from newsgold.corpus.codec import decode_text, read_bytes, strict_json
from newsgold.errors import DataError, Finding, NewsgoldError, has_errors, quote
from newsgold.metrics.counts import Prf, prf


class PeerFault(NewsgoldError):
    """A file is not what the peer reads, or the peer gives no number for it."""


def text(path: Path) -> str:
    """The text of a file."""
    decoded = decode_text(read_bytes(path), str(path))
    if isinstance(decoded, Finding):
        raise DataError(f"{path} cannot be read", [decoded])
    return decoded


def lines(path: Path) -> list[str]:
    """The lines of a file, without their ends."""
    parts = text(path).split("\n")
    return [part.removesuffix("\r") for part in (parts if parts[-1] else parts[:-1])]


def json_value(path: Path) -> Any:
    """The value of a JSON file."""
    return _value(read_bytes(path), path, 1)


def json_records(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON list, of a JSONL file, or the only one."""
    raw = read_bytes(path)
    if raw.lstrip()[:1] == b"[":
        found = _value(raw, path, 1)
    else:
        found = [_value(line, path, n) for n, line in enumerate(raw.split(b"\n"), 1) if line.strip()]
    if not all(isinstance(record, dict) for record in found):
        raise PeerFault(f"{path}: every record should be an object")
    return list(found)


def _value(raw: bytes, path: Path, line: int) -> Any:
    value, faults = strict_json(raw, str(path), line)
    if has_errors(faults):
        raise DataError(f"{path} cannot be read", faults)
    return value


def field(record: Any, key: str, kind: type, where: str) -> Any:
    """A field of a record, which must be of this type."""
    if not isinstance(record, dict) or type(record.get(key)) is not kind:
        got = quote(record.get(key)) if isinstance(record, dict) else quote(record)
        raise PeerFault(f"{where}: {key} should be of type {kind.__name__}, got {got}")
    return record[key]


def listed(record: Any, key: str, kind: type, where: str, default: list[Any] | None = None) -> list[Any]:
    """A list whose items are all of this type; the default stands for one that is absent."""
    if default is not None and isinstance(record, dict) and key not in record:
        return default
    items: list[Any] = field(record, key, list, where)
    for item in items:
        if type(item) is not kind:
            raise PeerFault(f"{where}: {key} should hold values of type {kind.__name__}, got {quote(item)}")
    return items


def ratio(num: float, den: float) -> float:
    """A ratio that is 0 where it is undefined, as most peers have it."""
    return num / den if den else 0.0


def f1(precision: float, recall: float) -> float:
    """The harmonic mean, 0 where it is undefined."""
    return ratio(2 * precision * recall, precision + recall)


def scores(p_num: float, p_den: float, r_num: float, r_den: float) -> dict[str, float]:
    """Precision, recall and F1 with 0 for 0/0."""
    precision, recall = ratio(p_num, p_den), ratio(r_num, r_den)
    return {"precision": precision, "recall": recall, "f1": f1(precision, recall)}


def ours(gold: Iterable[Hashable], pred: Iterable[Hashable]) -> Prf:
    """Our own strict score of the same items: a further copy counts as predicted and matches nothing."""
    g, p = Counter(gold), Counter(pred)
    right = (g & p).total()
    return prf(np.array([right, p.total(), right, g.total()], dtype=np.float64))


def repeats(items: Iterable[Hashable]) -> int:
    """How many items equal an earlier one."""
    count = Counter(items)
    return count.total() - len(count)


def shown(value: float | None) -> str:
    """A score in a sentence."""
    return "undefined" if value is None else f"{value:.4f}"


def many(count: int, one: str, more: str = "") -> str:
    """A count with its noun: 1 label, 2 labels."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def verdict(peer: str, what: str, theirs: float, own: float | None, reasons: Sequence[str]) -> list[str]:
    """The two numbers, then what parts them."""
    first = f"{what}: {peer} {shown(theirs)}, ours {shown(own)}"
    if reasons:
        return [first, *reasons]
    return [first, f"nothing on this input parts {peer} from ours"]
