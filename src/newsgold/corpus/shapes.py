"""Where a value departs from the shape that its type asks for: every place, each a finding.

The fast decoders name the first fault only; this is the slow road, taken once
something is known to be wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain, islice
from typing import Any

from newsgold.errors import MAX_FINDINGS_PER_FILE, Finding, finding, quote


def shape_faults(
    value: Any,
    schema: Any,
    *,
    path: str,
    line_of: Callable[[str], int],
    otherwise: str = "",
    code: str = "BAD_SHAPE",
) -> list[Finding]:
    """A finding for every place where a value departs from a JSON Schema, on the line that ``line_of`` its pointer is.

    If there is none although a decoder refused the value, what it said (``otherwise``) makes the finding.
    """
    name = value.get("id") if isinstance(value, dict) else None
    doc = name if isinstance(name, str) else ""
    found = []
    errors = _validator(json.dumps(schema)).iter_errors(value)
    for error in islice(chain.from_iterable(map(_leaves, errors)), MAX_FINDINGS_PER_FILE):
        pointer = "".join(f"/{part}" for part in error.absolute_path)
        extra = error.validator == "additionalProperties" and [
            k for k in error.instance if k not in error.schema.get("properties", {})
        ]
        for key in extra or [None]:
            at = pointer if key is None else f"{pointer}/{key}"
            types = _types(error)
            got = _short(error.instance) if types else quote(error.message, 160)
            if key is not None:
                got = f"an unknown field {quote(key)}"
            wanted = " or ".join(types)
            found.append(finding(code, path, line=line_of(at), doc=doc, pointer=at, got=got, wanted=wanted))
    if not found and otherwise:
        pointer = pointer_of(otherwise)
        found = [finding(code, path, line=line_of(pointer), doc=doc, pointer=pointer, got=quote(_said(otherwise), 160))]
    return sorted(found, key=lambda f: (f.line, f.pointer, f.got))


_PLACE = re.compile(r" - at `(?:key in )?\$(.*)`$", re.DOTALL)


def pointer_of(message: str) -> str:
    """The JSON pointer of the place that msgspec names, such as ``$.mentions[3].start``; of a key it does not name, its table."""
    match = _PLACE.search(message)
    steps = re.findall(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]", match[1]) if match else []
    known = "".join(f"/{name or number}" for name, number in steps)
    return known.partition("/...")[0]


def _said(message: str) -> str:
    return _PLACE.sub("", message)


@cache
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    # 23.0 is an integer to JSON Schema, and none to those who index with it
    whole = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    # the stubs of jsonschema leave extend without types
    # the library has no types for it
    strict: Any = extend(Draft202012Validator, type_checker=whole)  # type: ignore[no-untyped-call]
    return strict(json.loads(schema))


def _leaves(error: Any) -> Iterator[Any]:
    """An error, or, where one of several schemas nearly fits, the errors that keep it from fitting."""
    near = [e for e in error.context or () if e.validator != "type" or e.relative_path]
    if error.validator == "anyOf" and near:
        for inner in near:
            yield from _leaves(inner)
    else:
        yield error


def _types(error: Any) -> list[str]:
    """The types that were asked for, if the type is what is wrong."""
    errors = error.context if error.validator == "anyOf" else [error]
    return [str(e.validator_value) for e in errors if e.validator == "type"]


def _short(value: Any) -> str:
    """A value from a file in a few words."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "an array"
    return quote(value) if isinstance(value, str) else quote(json.dumps(value, default=str))
