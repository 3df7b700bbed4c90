"""The dataset card: YAML front matter and marked sections are generated, the rest is written by hand and kept.

In the front matter :data:`GENERATED` keys are replaced and all others kept. A
section stands between ``<!-- generated: NAME -->`` and ``<!-- /generated -->``.
A card whose markers are not as expected is refused, never written over.

Each generated part carries the beginning of its SHA-256, in its closing marker
or in a comment of the front matter. A part that is not empty, does not fit its
sum and is not what would be written either was edited by hand: it is refused
as well, for somebody's words would be lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from newsgold.corpus.codec import sha256
from newsgold.corpus.labels import Labels
from newsgold.corpus.markdown import table
from newsgold.corpus.tables import CONFIGS, Shard
from newsgold.corpus.tally import UNITS, Tally
from newsgold.errors import DataError, FileFault, Finding, finding, quote

GENERATED = ("size_categories", "configs", "dataset_info")
_FRONT = re.compile(r"---\r?\n(.*?\n)---\r?\n(.*)", re.DOTALL)
_MARKER = re.compile(r"<!-- (generated: [a-z]+|/generated)(?: sha256:([0-9a-f]*))? -->")
_COMMENT = re.compile(r"^# generated, sha256:([0-9a-f]+)$", re.MULTILINE)
_SIZES = ("1K", "10K", "100K", "1M", "10M")


class _Dumper(yaml.SafeDumper):
    """Writes equal parts out in full: anchors and aliases are lost on most readers of cards."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def render(raw: bytes, path: str, generated: Mapping[str, Any], sections: Mapping[str, str]) -> bytes:
    """The card with its generated parts replaced.

    Raises:
        FileFault: it has no place for them.
        DataError: a generated part was edited by hand.
    """
    header, text = _parts(raw, path)
    before = _front(header, path)
    kept = {key: value for key, value in before.items() if key not in (*GENERATED, *generated)}
    old, new = ({key: values[key] for key in GENERATED if key in values} for values in (before, generated))
    comment = _COMMENT.search(header)
    edited = []
    if old and old != _plain(new) and (comment is None or comment[1] != _sum_of(old)):
        edited.append(finding("CARD_EDITED", path, line=2, pointer="/front matter", got=f"another {' or '.join(old)}"))
    body, faults = _body(text, path, sections, 1 + header.count("\n") + 2)
    if edited or faults:
        raise DataError(f"{path} has generated parts that were edited by hand; nothing was written", [*edited, *faults])
    note = f"# generated, sha256:{_sum_of(_plain(new))}\n" if new else ""
    return f"---\n{_yaml(kept) if kept else ''}{note}{_yaml(generated)}---\n{body}".encode()


def _yaml(value: Mapping[str, Any]) -> str:
    return str(yaml.dump({**value}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def _plain(value: Mapping[str, Any]) -> Any:
    """The value as it comes back from YAML."""
    return yaml.load(_yaml(value), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _sum_of(value: object) -> str:
    return _sum(json.dumps(value, sort_keys=True, ensure_ascii=False))


def _sum(text: str) -> str:
    return sha256(text)[:12]


def with_section(raw: bytes, name: str, title: str) -> bytes:
    """The card with an empty generated section at its end."""
    return raw + f"\n## {title}\n<!-- generated: {name} -->\n<!-- /generated -->\n".encode()


def without_section(raw: bytes, name: str, title: str) -> bytes:
    """The card as it was before :func:`with_section`, whatever the section holds by now."""
    block = rf"\n## {re.escape(title)}\n<!-- generated: {name} -->\n.*?<!-- /generated[^>]*-->\n\Z"
    return re.sub(block.encode(), b"", raw, flags=re.DOTALL)


def front(raw: bytes, path: str) -> dict[str, Any]:
    """The front matter of a card; raises :class:`FileFault` if it has none."""
    return _front(_parts(raw, path)[0], path)


def _parts(raw: bytes, path: str) -> tuple[str, str]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileFault(f"{path} is not UTF-8: byte {error.start}") from error
    match = _FRONT.fullmatch(text)
    if match is None:
        raise FileFault(f"{path} has no YAML front matter: begin it with a line ---, keys such as license, and a line ---")
    return match[1], match[2]


def _front(text: str, path: str) -> dict[str, Any]:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FileFault(f"the front matter of {path} is not valid YAML: {quote(str(error), 200)}") from error
    if not isinstance(value, dict):
        raise FileFault(f"the front matter of {path} is no mapping of keys to values")
    return value


def _body(text: str, path: str, sections: Mapping[str, str], line: int) -> tuple[str, list[Finding]]:
    """The text below the front matter with its sections replaced, and those that were edited; ``line`` is that of its start."""
    parts = _MARKER.split(text)
    markers = parts[1::3]
    wanted = [marker for name in sections for marker in (f"generated: {name}", "/generated")]
    if (
        sorted(markers) != sorted(wanted)
        or any(marker != "/generated" for marker in markers[1::2])
        or "/generated" in markers[::2]
    ):
        expected = ", ".join(f"<!-- generated: {name} --> … <!-- /generated -->" for name in sections)
        got = ", ".join(f"<!-- {marker} -->" for marker in markers) or "none"
        raise FileFault(f"{path} must have each of these markers once, none inside another: {expected}; it has {got}")
    out = [parts[0]]
    edited = []
    for i in range(1, len(parts), 6):
        name = parts[i].removeprefix("generated: ")
        old, digest, after = parts[i + 2].replace("\r\n", "\n"), parts[i + 4], parts[i + 5]
        line += out[-1].count("\n")
        new = f"\n{sections[name].strip()}\n"
        if old.strip() and old != new and _sum(old) != digest:
            edited.append(finding("CARD_EDITED", path, line=line, pointer=f"/{name}", got="words that newsgold did not write"))
        line += old.count("\n")
        out += [f"<!-- {parts[i]} -->{new}<!-- /generated sha256:{_sum(new)} -->", after]
    return "".join(out), edited


def front_matter(
    version: str, digest: str, columns: Mapping[str, Any], shards: Mapping[str, Mapping[str, Sequence[Shard]]]
) -> dict[str, Any]:
    """The generated keys: ``columns`` are the features of each config, ``shards`` the files per split of those that have rows."""
    configs, infos = [], []
    for number, (config, files) in enumerate(shards.items()):
        configs.append(
            {
                "config_name": config,
                **({"default": True} if number == 0 else {}),
                "version": version,
                # datasets takes its cache from here, not from the files: without the digest it would serve old data
                "description": f"sha256:{digest}",
                "data_files": [{"split": split, "path": _pattern(config, split, len(parts))} for split, parts in files.items()],
            }
        )
        splits = [
            {"name": split, "num_bytes": sum(s.num_bytes for s in parts), "num_examples": sum(s.num_examples for s in parts)}
            for split, parts in files.items()
        ]
        infos.append({"config_name": config, "features": columns[config]._to_yaml_list(), "splits": splits})
    documents = sum(shard.num_examples for parts in next(iter(shards.values())).values() for shard in parts)
    return {"size_categories": [_size(documents)], "configs": configs, "dataset_info": infos}


def data_file(config: str, split: str, number: int = 0, of: int = 1) -> str:
    """Where the rows of a config and split, or one of several parts of them, lie in the release."""
    return f"data/{config}/{split}-{number:05}-of-{of:05}.parquet"


def _pattern(config: str, split: str, files: int) -> str:
    """What names the files of a split: where there is one its name, so that no other file slips in."""
    return data_file(config, split) if files == 1 else f"data/{config}/{split}-?????-of-{files:05}.parquet"


def _size(documents: int) -> str:
    low = ""
    for power, high in enumerate(_SIZES, 3):
        if documents < 10**power:
            return f"{low}<n<{high}" if low else f"n<{high}"
        low = high
    return f"n>{low}"


def own_sections(tally: Tally, labels: Labels, columns: Mapping[str, Any]) -> dict[str, str]:
    """The generated sections that every card has, by name."""
    counts = tally.stats()
    rows = [[split, *(part[unit] for unit in UNITS)] for split, part in counts["by_split"].items()]
    rows.append(["all", *(counts[unit] for unit in UNITS)])
    splits = tally.in_order
    labelled: tuple[tuple[str, str, Iterable[str]], ...] = (
        ("mentions", "entity type", labels.types),
        ("relations", "relation", labels.relations),
        ("stances", "stance", labels.polarities),
    )
    by_label = [
        table(
            [title, *splits, "all"],
            ([f"`{n}`", *(tally.labels(layer, s)[n] for s in splits), counts["by_type"][layer].get(n, 0)] for n in names),
        )
        for layer, title, names in labelled
        if names
    ]
    configs = ([f"`{c}`", CONFIGS[c], " ".join(f"`{column}`" for column in features)] for c, features in columns.items())
    sections = {
        "counts": table(["split", *UNITS], rows),
        "labels": "\n".join(by_label),
        "configs": table(["config", "a row is", "columns"], configs),
    }
    return {name: text.rstrip("\n") for name, text in sections.items()}
