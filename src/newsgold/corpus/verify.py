"""Proof that a release is whole and unchanged, before a row of it is read.

Three things are held against each other. ``SHA256SUMS`` names every file and
its bytes: nothing may be changed, cut, exchanged, missing or added. Card,
``VERSION`` and the metadata of every Parquet file name version and digest of
the release they belong to, and the columns with their labels, which ``datasets``
takes from the card: all must agree. And the digest can be had from the rows
again (:func:`digest_of`): that is slower, needs every document, and proves the
data themselves.

What has been proven is held in memory, and rows are read from there: a file that changes afterwards
changes nothing.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from newsgold.corpus.codec import read_part, sha256
from newsgold.corpus.labels import Labels
from newsgold.errors import DataError, FileFault, Finding, finding, quote

if TYPE_CHECKING:
    from newsgold.corpus.tables import Document

SUMS = "SHA256SUMS"
CARD = "README.md"
BESIDE = (CARD, "VERSION", SUMS, "CHANGES.md", "LICENSE", "croissant.json")
"""Files of a release that SHA256SUMS need not name: people edit them, or they hold the sums."""

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_SHARD = re.compile(r"data/([a-z_]+)/(.+)-\d{5}-of-\d{5}\.parquet")
_DATA = frozenset({".arrow", ".csv", ".json", ".jsonl", ".parquet", ".tsv"})
_FRONT = re.compile(rb"---\r?\n(.*?\n)---\r?\n", re.DOTALL)


@dataclass(frozen=True)
class Release:
    """A release whose files have been proven."""

    folder: Path
    version: str
    digest: str
    """Of the data: SHA-256 in hex, the same whatever wrote the Parquet."""
    sums: Mapping[str, str]
    """SHA-256 of every file that SHA256SUMS names."""
    files: Mapping[str, bytes]
    """The Parquet files, by their path in the release."""

    @property
    def configs(self) -> tuple[str, ...]:
        """The configs that have rows, the default first."""
        return tuple(sorted({name.split("/")[1] for name in self.files}, key=lambda config: (config != "documents", config)))

    def shards(self, config: str) -> dict[str, list[bytes]]:
        """The Parquet files of a config, by split, in order."""
        out: dict[str, list[bytes]] = {}
        for name in sorted(self.files):
            match = _SHARD.fullmatch(name)
            if match is not None and match[1] == config:
                out.setdefault(match[2], []).append(self.files[name])
        return out

    def documents(self) -> Iterator[Document]:
        """Every article with its gold, decoded, split by split."""
        import pyarrow as pa

        from newsgold.corpus.tables import read_rows

        for shards in self.shards("documents").values():
            for data in shards:
                yield from read_rows(pa.BufferReader(data))

    def labels(self) -> Labels:
        """The inventory that the documents carry."""
        about = next(_about(data) for name, data in sorted(self.files.items()) if name.startswith("data/documents/"))
        return msgspec.convert(about["labels"], Labels)


def is_release(folder: Path) -> bool:
    """Whether a folder claims to be a release, sound or not."""
    return folder.is_dir() and os.path.lexists(folder / SUMS)


def prove(folder: Path) -> Release:
    """The release in a folder, every file of it proven.

    Raises:
        DataError: a finding for each file that is changed, missing or added, and for each part that belongs to
            another release.
        FileFault: the folder is no release.
    """
    if not is_release(folder):
        raise FileFault(f"{folder} is no release: it has no {SUMS}")
    sums, found = _read_sums(folder)
    kept: dict[str, bytes] = {}
    if not found:
        kept, found = _read_files(folder, sums)
        found += added(folder, sums)
    if not found:
        version, digest, found = _belong(folder, kept)
        if not found:
            return Release(folder, version, digest, sums, {n: data for n, data in kept.items() if n.endswith(".parquet")})
    raise DataError(f"{folder} is not the release as it was built; no row of it was read", found)


def prove_file(path: Path) -> None:
    """Hold one file against the SHA256SUMS of the release it lies in, if any; raises :class:`DataError`."""
    for folder in path.absolute().parents[:3]:
        if is_release(folder):
            sums, found = _read_sums(folder)
            name = path.absolute().relative_to(folder).as_posix()
            if not found:
                found = _read_files(folder, {name: sums[name]})[1] if name in sums else [_added(folder, name)]
            if found:
                raise DataError(f"{path} is not the file that was released; no row of it was read", found)
            return


def digest_of(release: Release) -> str:
    """The digest, worked out anew from every row of the documents."""
    from newsgold.corpus.release import logical_digest

    return logical_digest(release.documents())


def prove_rows(release: Release) -> None:
    """Hold the rows themselves against the digest; raises :class:`DataError`."""
    got = digest_of(release)
    if got != release.digest:
        place = str(release.folder / "data" / "documents")
        fault = finding("RELEASE_MIXED", place, got=f"rows of digest {got[:12]}", wanted=f"digest {release.digest[:12]}")
        raise DataError(f"{release.folder} holds other rows than its digest says", [fault])


# -------------------------------------------------------------------------- the bytes


def sums_of(folder: Path) -> dict[str, str]:
    """What SHA256SUMS says: the SHA-256 of each file, by its path; raises :class:`DataError` where it cannot be used."""
    sums, found = _read_sums(folder)
    if found:
        raise DataError(f"{folder / SUMS} cannot be used", found)
    return sums


def _read_sums(folder: Path) -> tuple[dict[str, str], list[Finding]]:
    path = folder / SUMS
    raw = read_part(path)
    if isinstance(raw, Finding):
        return {}, [raw]
    sums: dict[str, str] = {}
    found = []
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1):
        match = _LINE.fullmatch(line)
        name = "" if match is None else match[2]
        if match is None or not _inside(name):
            found.append(
                finding("BAD_CHECKSUMS", str(path), line=number, got=quote(line), wanted="sha256, two blanks, a path inside")
            )
        elif name in sums:
            found.append(finding("BAD_CHECKSUMS", str(path), line=number, got=f"{quote(name)} twice", wanted="each file once"))
        else:
            sums[name] = match[1]
    if not sums and not found:
        found.append(finding("BAD_CHECKSUMS", str(path), got="nothing", wanted="a line for each file"))
    return sums, found


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return str(path) == name and not path.is_absolute() and ".." not in path.parts and "\\" not in name and ":" not in name


def _read_files(folder: Path, sums: Mapping[str, str]) -> tuple[dict[str, bytes], list[Finding]]:
    """The bytes of the Parquet files, and a finding for each file that is not as listed."""
    owner = {digest: name for name, digest in sums.items()}
    kept: dict[str, bytes] = {}
    found = []
    for name, wanted in sums.items():
        data = read_part(folder / name)
        if isinstance(data, Finding):
            found.append(data)
            continue
        got = sha256(data)
        if got != wanted:
            said = f"the bytes of {owner[got]}" if got in owner else _described(name, data, got)
            found.append(finding("CHECKSUM", str(folder / name), got=said, wanted=f"sha256 {wanted[:12]}"))
        elif name.endswith(".parquet"):
            kept[name] = data
    return kept, found


def _described(name: str, data: bytes, digest: str) -> str:
    cut = name.endswith(".parquet") and not data.endswith(b"PAR1")
    return f"{len(data):,} bytes without an end, as of a copy that broke off" if cut else f"sha256 {digest[:12]}"


def added(folder: Path, sums: Iterable[str]) -> list[Finding]:
    """A finding for each file that would count as part of the release and is not."""
    names = ((Path(top) / name).relative_to(folder).as_posix() for top, files in _walk(folder) for name in files)
    return [_added(folder, name) for name in strangers(names, sums)]


def strangers(names: Iterable[str], sums: Iterable[str]) -> list[str]:
    """The names, sorted, that lie in a folder of the release or look like data, and are not in ``sums``.

    Hidden files are passed over, as ``datasets`` does; so is what else people keep beside a release.
    """
    listed = {*sums, *BESIDE}
    rooms = {name.split("/")[0] for name in listed if "/" in name}

    def counts(name: str) -> bool:
        path = PurePosixPath(name)
        hidden = any(part.startswith(".") for part in path.parts)
        return not hidden and name not in listed and (("/" in name and path.parts[0] in rooms) or path.suffix.lower() in _DATA)

    return sorted(filter(counts, names))


def _walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for top, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield top, files


def _added(folder: Path, name: str) -> Finding:
    return finding("FILE_ADDED", str(folder / name), got="a file that SHA256SUMS does not name")


# --------------------------------------------------------------- one release throughout


def _belong(folder: Path, files: Mapping[str, bytes]) -> tuple[str, str, list[Finding]]:
    """Version and digest of the release, and a finding for each part that states others."""
    number, card = read_part(folder / "VERSION"), read_part(folder / CARD)
    if isinstance(number, Finding) or isinstance(card, Finding):
        return "", "", [part for part in (number, card) if isinstance(part, Finding)]
    version = number.decode("utf-8", "replace").strip()
    place = str(folder / CARD)
    try:
        configs, columns = _front_matter(card)
        digest = str(configs[0]["description"]).removeprefix("sha256:")
        found = list(_card_faults(folder, configs, (version, digest), files))
        for name, data in files.items():
            found += _footer_faults(str(folder / name), data, name.split("/")[1], (version, digest), columns)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        said = quote(f"{type(error).__name__}: {error}", 160)
        return "", "", [_mixed(place, f"parts that cannot be compared: {said}", "card and data files of a release")]
    return version, digest, found


def _card_faults(folder: Path, configs: list[dict[str, Any]], stated: tuple[str, str], files: Iterable[str]) -> Iterator[Finding]:
    """Where a config of the card states another version or digest, or names other files than there are."""
    place = str(folder / CARD)
    patterns = []
    for config in configs:
        got = (str(config["version"]), str(config["description"]).removeprefix("sha256:"))
        if got != stated:
            yield _mixed(
                place, f"{config['config_name']} of {got[0]}, digest {got[1][:12]}", f"{stated[0]}, digest {stated[1][:12]}"
            )
        patterns += [str(part["path"]) for part in config["data_files"]]
    for name in files:
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            yield _mixed(str(folder / name), "a file that the card does not name", "every data file in the card")
    for pattern in patterns:
        if not fnmatch.filter(files, pattern):
            yield _mixed(place, f"{quote(pattern)} in a config", "files that SHA256SUMS names")


def _mixed(path: str, got: str, wanted: str) -> Finding:
    return finding("RELEASE_MIXED", path, got=got, wanted=wanted)


def _front_matter(raw: bytes) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The card's configs, and the columns of each as :func:`_card_columns` gives them."""
    match = _FRONT.match(raw)
    if match is None:
        raise ValueError("no front matter")
    # the parser in C is ten times as fast and may be absent
    front = yaml.load(match[1], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    columns = {info["config_name"]: dict(_card_columns(info["features"])) for info in front["dataset_info"]}
    return front["configs"], columns


def _footer_faults(
    path: str, data: bytes, config: str, stated: tuple[str, str], columns: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    """What a Parquet file says of itself, where that is not what the release says of it."""
    about = _about(data)
    got = (about["config"], about["version"], about["digest"])
    if got != (config, *stated):
        named = [f"{config} of {version}, digest {digest[:12]}" for config, version, digest in (got, (config, *stated))]
        yield _mixed(path, named[0], named[1])
    if config == "documents":
        msgspec.convert(about["labels"], Labels)
    own = dict(_file_columns(json.loads(_metadata(data)[b"huggingface"])["info"]["features"]))
    listed = columns[config]
    for column in sorted(own.keys() | listed.keys()):
        if own.get(column) != listed.get(column):
            yield _mixed(path, f"{column}: {_shown(own.get(column))}", f"{_shown(listed.get(column))}, as the card says")


def _about(data: bytes) -> dict[str, Any]:
    from newsgold.corpus.tables import METADATA

    about: dict[str, Any] = json.loads(_metadata(data)[METADATA])
    return about


def _metadata(data: bytes) -> dict[bytes, bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata: dict[bytes, bytes] = pq.read_metadata(pa.BufferReader(data)).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error)) from error
    return metadata


def _shown(value: Any) -> str:
    return "no such column" if value is None else quote(" ".join(value) if isinstance(value, tuple) else value, 60)


def _card_columns(node: Any) -> Iterator[tuple[str, Any]]:
    """(path, type) of every column in the YAML that ``datasets`` reads; of a label the names, in the order of their codes."""
    if isinstance(node, str):
        yield "", node
    elif isinstance(node, list):
        for column in node:
            yield from (
                (f"/{column['name']}{path}", kind) for path, kind in _card_columns({k: column[k] for k in column if k != "name"})
            )
    elif "list" in node:
        yield from ((f"/*{path}", kind) for path, kind in _card_columns(node["list"]))
    elif "class_label" in node:
        names = node["class_label"]["names"]
        yield "", tuple(str(names[code]) for code in sorted(names, key=int))
    else:
        yield from _card_columns(node["struct"] if "struct" in node else node["dtype"])


def _file_columns(node: Any) -> Iterator[tuple[str, Any]]:
    """The same of the columns that ``datasets`` writes into a Parquet file."""
    kind = node.get("_type")
    if kind == "ClassLabel":
        yield "", tuple(node["names"])
    elif kind == "Value":
        yield "", node["dtype"]
    elif isinstance(kind, str):
        yield from ((f"/*{path}", inner) for path, inner in _file_columns(node["feature"]))
    else:
        for name, column in node.items():
            yield from ((f"/{name}{path}", inner) for path, inner in _file_columns(column))
