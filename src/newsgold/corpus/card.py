"""The dataset card: YAML front matter and marked sections are generated, the rest is written by hand and kept.

In the front matter :data:`GENERATED` keys are replaced and all others kept. A
section stands between ``<!-- generated: NAME -->`` and ``<!-- /generated -->``.
A card whose markers are not as expected is refused, never written over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from newsgold.corpus.tables import Shard
from newsgold.errors import FileFault, quote

GENERATED = ("size_categories", "configs", "dataset_info")
_FRONT = re.compile(r"---\r?\n(.*?\n)---\r?\n(.*)", re.DOTALL)
_MARKER = re.compile(r"<!-- (generated: [a-z]+|/generated) -->")
_SIZES = ("1K", "10K", "100K", "1M", "10M")


class _Dumper(yaml.SafeDumper):
    """Writes equal parts out in full: anchors and aliases are lost on most readers of cards."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def render(raw: bytes, path: str, front: Mapping[str, Any], sections: Mapping[str, str]) -> bytes:
    """The card with its generated parts replaced; raises :class:`FileFault` if it has no place for them."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileFault(f"{path} is not UTF-8: byte {error.start}") from error
    match = _FRONT.fullmatch(text)
    if match is None:
        raise FileFault(f"{path} has no YAML front matter: begin it with a line ---, keys such as license, and a line ---")
    kept = {key: value for key, value in _front(match[1], path).items() if key not in GENERATED}
    header = yaml.dump({**kept, **front}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{header}---\n{_body(match[2], path, sections)}".encode()


def _front(text: str, path: str) -> dict[str, Any]:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FileFault(f"the front matter of {path} is not valid YAML: {quote(str(error), 200)}") from error
    if not isinstance(value, dict):
        raise FileFault(f"the front matter of {path} is no mapping of keys to values")
    return value


def _body(text: str, path: str, sections: Mapping[str, str]) -> str:
    parts = _MARKER.split(text)
    wanted = [marker for name in sections for marker in (f"generated: {name}", "/generated")]
    opened = parts[1::4]
    if sorted(parts[1::2]) != sorted(wanted) or any(marker != "/generated" for marker in parts[3::4]) or "/generated" in opened:
        expected = ", ".join(f"<!-- generated: {name} --> … <!-- /generated -->" for name in sections)
        got = ", ".join(f"<!-- {marker} -->" for marker in parts[1::2]) or "none"
        raise FileFault(f"{path} must have each of these markers once, none inside another: {expected}; it has {got}")
    for i in range(1, len(parts), 4):
        parts[i + 1] = f"\n{sections[parts[i].removeprefix('generated: ')].strip()}\n"
    for i in range(1, len(parts), 2):
        parts[i] = f"<!-- {parts[i]} -->"
    return "".join(parts)


def front_matter(
    version: str, digest: str, columns: Mapping[str, Any], shards: Mapping[str, Mapping[str, Shard]]
) -> dict[str, Any]:
    """The generated keys: ``columns`` are the features of each config, ``shards`` the file per split of those that have rows."""
    configs, infos = [], []
    for number, (config, files) in enumerate(shards.items()):
        configs.append(
            {
                "config_name": config,
                **({"default": True} if number == 0 else {}),
                "version": version,
                # datasets takes its cache from here, not from the files: without the digest it would serve old data
                "description": f"sha256:{digest}",
                "data_files": [{"split": split, "path": data_file(config, split)} for split in files],
            }
        )
        splits = [{"name": split, "num_bytes": s.num_bytes, "num_examples": s.num_examples} for split, s in files.items()]
        infos.append({"config_name": config, "features": columns[config]._to_yaml_list(), "splits": splits})
    documents = sum(shard.num_examples for shard in next(iter(shards.values())).values())
    return {"size_categories": [_size(documents)], "configs": configs, "dataset_info": infos}


def data_file(config: str, split: str) -> str:
    """Where the rows of a config and split lie in the release; a name, no pattern, so that no other file slips in."""
    return f"data/{config}/{split}-00000-of-00001.parquet"


def _size(documents: int) -> str:
    low = ""
    for power, high in enumerate(_SIZES, 3):
        if documents < 10**power:
            return f"{low}<n<{high}" if low else f"n<{high}"
        low = high
    return f"n>{low}"


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; numbers with thousands separators."""
    lines = [[*header]]
    lines += [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)
