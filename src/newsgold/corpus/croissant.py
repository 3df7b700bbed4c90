"""The dataset described for machines: Croissant 1.1 with the RAI vocabulary 1.0.

What follows from the release (files with their sums, columns, splits, labels)
is generated; what only people can say stands in ``croissant.toml`` of the
corpus folder: ``[dataset]`` with description, creators and licence, ``[rai]``
with an answer to each question of the vocabulary. Name, language and keywords
are those of the card, the day of publication is that of ``CHANGES.md``.

Labels are columns of codes; their names are record sets of their own, without
a formal reference: readers of Croissant cannot filter by split where a record
set refers to two others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from newsgold.corpus import card
from newsgold.corpus.codec import read_bytes, sha256
from newsgold.corpus.model import SPLITS
from newsgold.corpus.tables import CLASSES, CONFIGS
from newsgold.corpus.toml import decode_toml, locate_toml
from newsgold.errors import DataError, Finding, finding, quote

FACTS = "croissant.toml"
_TERMS = (
    "arrayShape citeAs column containedIn equivalentProperty extract field fileProperty fileObject fileSet format includes"
    " isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator"
    " source subField transform"
)
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    **{term: f"cr:{term}" for term in _TERMS.split()},
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "description": {"@container": "@language"},
    "name": {"@container": "@language"},
}
DATASET = ("description", "creators", "license")
RAI = (
    "dataCollection", "dataCollectionType", "dataCollectionMissingData", "dataCollectionRawData", "dataCollectionTimeframe",
    "dataImputationProtocol", "dataPreprocessingProtocol", "dataManipulationProtocol", "dataAnnotationProtocol",
    "dataAnnotationPlatform", "dataAnnotationAnalysis", "annotationsPerItem", "annotatorDemographics", "machineAnnotationTools",
    "dataBiases", "dataUseCases", "dataLimitations", "dataSocialImpact", "personalSensitiveInformation",
    "dataReleaseMaintenancePlan",
)  # fmt: skip
"""What the RAI vocabulary asks of a dataset; every answer must be there."""
_COLUMNS = {  # by name, which says the same wherever it stands; columns of labels come with their codes
    "id": "The id: of the document, or of the item within it.",
    "doc_id": "The document.",
    "title": "The headline.",
    "text": "The text as stored, or the surface at the offsets.",
    "language": "Language of the text.",
    "origin": "How the article came here: seed, written or imported.",
    "split": "The split.",
    "event": "Articles on one event share it.",
    "outlet": "Who published the article.",
    "published": "When, in ISO 8601.",
    "source": "Where the article comes from, and on what terms.",
    "regions": "Title, body, and duplicate passages.",
    "text_sha256": "SHA-256 of the text in UTF-8.",
    "ignore": "Spans of the duplicate passages, which are not annotated.",
    "annotated": "Whether there is gold.",
    "by": "Who signs the gold.",
    "mentions": "Spans that refer to something; of an entity their ids.",
    "entities": "Coreference clusters.",
    "relations": "Relations between two entities.",
    "stances": "A holder's position on a target.",
    "start": "First code point of the span.",
    "end": "The code point after the span.",
    "entity_id": "The entity that the mention is in.",
    "link": "A Wikidata id, or an id of the corpus's knowledge base.",
    "name": "A surface that stands for the entity; of a source its name.",
    "n": "How many mentions the entity has.",
    "head": "The entity the relation starts from.",
    "tail": "The entity the relation points to.",
    "evidence": "Pairs of mentions that express the relation.",
    "holder": "Who takes the position: a mention, AUTHOR or UNKNOWN.",
    "target": "The mention the position is about.",
    "head_name": "A surface that stands for the head.",
    "tail_name": "A surface that stands for the tail.",
    "holder_text": "The surface of the holder, or AUTHOR or UNKNOWN.",
    "target_text": "The surface of the target.",
    "url": "Address of the source.",
    "licence": "On what terms the text may be passed on.",
    "file": "Name of the file as received.",
    "sha256": "SHA-256 of that file.",
}


class Facts(NamedTuple):
    """What people say of a dataset."""

    dataset: Mapping[str, Any]
    rai: Mapping[str, Any]
    front: Mapping[str, Any]
    """The front matter of the card."""
    published: str | None
    """The day, in ISO 8601, that ``CHANGES.md`` gives the version."""


def read_facts(corpus: Path, version: str) -> Facts | Finding:
    """What ``croissant.toml``, the card and ``CHANGES.md`` say of a corpus; a warning where there is no ``croissant.toml``.

    Raises :class:`DataError` with a finding for each answer that is missing, empty, no text, or to no question.
    """
    path = corpus / FACTS
    if not path.is_file():
        wanted = "the answers that newsgold's own corpus has in its file, about yours; without them there is no croissant.json"
        return finding("UNANSWERED", str(path), got="no file", wanted=wanted, severity="warning")
    raw = read_bytes(path)
    table = decode_toml(raw, str(path))
    found = [table] if isinstance(table, Finding) else list(_faults(table, raw, str(path)))
    if isinstance(table, Finding) or found:
        raise DataError(f"{path} does not say what a release must say", found)
    changes = corpus / "CHANGES.md"
    text = read_bytes(changes).decode("utf-8", "replace") if changes.is_file() else ""
    day = re.search(rf"^## {re.escape(version)} - (\d{{4}}-\d\d-\d\d)\s*$", text, re.MULTILINE)
    front = card.front(read_bytes(corpus / "README.md"), str(corpus / "README.md"))
    return Facts(table["dataset"], table["rai"], front, day[1] if day else None)


def facts_of(raw: bytes, front: Mapping[str, Any]) -> Facts:
    """The facts that a ``croissant.json`` of ours was made from; ``front`` is the front matter of its card."""
    value = json.loads(raw)
    dataset = {name: value[name] for name in ("description", "license")} | {"creators": [c["name"] for c in value["creator"]]}
    dataset |= {name: value[key] for name, key in (("url", "url"), ("citation", "citeAs")) if key in value}
    return Facts(dataset, {name: value[f"rai:{name}"] for name in RAI}, front, value.get("datePublished"))


def _faults(table: Mapping[str, Any], raw: bytes, path: str) -> Iterable[Finding]:
    for section, asked, further in (("dataset", DATASET, ("url", "citation")), ("rai", RAI, ())):
        given = table.get(section)
        answers = given if isinstance(given, dict) else {}
        for name in (*asked, *(name for name in answers if name not in asked)):
            value = answers.get(name)
            texts = value if isinstance(value, list) else [value]
            sound = bool(texts) and all(isinstance(text, str) and text.strip() for text in texts)
            got = "no answer" if value is None else quote(value)
            wanted = "a text, or a list of texts"
            if name not in asked and name not in further:
                sound, got, wanted = False, f"an unknown question {quote(name)}", ", ".join((*asked, *further))
            if not sound:
                pointer = f"/{section}/{name}"
                yield finding("UNANSWERED", path, line=1 + locate_toml(raw, pointer), pointer=pointer, got=got, wanted=wanted)


def render(facts: Facts, version: str, files: Mapping[str, bytes], features: Mapping[str, Any]) -> bytes:
    """``croissant.json``: ``files`` are the data files by path, ``features`` the columns of each config."""
    sums = {name: sha256(data) for name, data in sorted(files.items())}
    configs = [config for config in features if any(name.startswith(f"data/{config}/") for name in files)]
    whole = sha256("".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    creators = facts.dataset["creators"]
    optional = {
        "datePublished": facts.published,
        "url": facts.dataset.get("url"),
        "citeAs": facts.dataset.get("citation"),
        "keywords": facts.front.get("tags"),
        "inLanguage": facts.front.get("language"),
    }
    value = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": str(facts.front.get("pretty_name", "newsgold")),
        "description": facts.dataset["description"],
        "license": facts.dataset["license"],
        "creator": [{"@type": "sc:Organization", "name": n} for n in ([creators] if isinstance(creators, str) else creators)],
        "version": version,
        **{key: said for key, said in optional.items() if said},
        **{f"rai:{name}": facts.rai[name] for name in RAI},
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "repo",
                "name": "repo",
                "description": "The folder of the release. Its sum is that of the lines of SHA256SUMS that name the data files.",
                "contentUrl": ".",
                "encodingFormat": "git+https",
                "sha256": whole,
            },
            *(_file(name, digest, len(files[name])) for name, digest in sums.items()),
            *(_file_set(config) for config in configs),
        ],
        "recordSet": [*_labels(features), *(part for config in configs for part in _records(config, features[config]))],
    }
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def _file(name: str, digest: str, size: int) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{size} B",
        "encodingFormat": "application/x-parquet",
        "sha256": digest,
    }


def _file_set(config: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{config}-files",
        "name": f"{config}-files",
        "description": f"The Parquet files of the config {config}.",
        "containedIn": {"@id": "repo"},
        "encodingFormat": "application/x-parquet",
        "includes": f"data/{config}/*.parquet",
    }


def _enumeration(name: str, description: str, fields: Mapping[str, str], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A record set whose records stand in the description itself."""
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": {"@id": f"{name}/{next(iter(fields))}"},
        "field": [{"@type": "cr:Field", "@id": f"{name}/{f}", "name": f, "dataType": kind} for f, kind in fields.items()],
        "data": [{f"{name}/{f}": row[f] for f in fields} for row in rows],
    }


def _labels(features: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """A record set for each column of label codes, with the name of each code."""
    for config, columns in features.items():
        for column, feature in columns.items() if config != "documents" else ():
            if names := getattr(feature, "names", None):
                rows = [{"code": code, "name": name} for code, name in enumerate(names)]
                fields = {"code": "sc:Integer", "name": "sc:Text"}
                yield _enumeration(f"{config}-{column}", f"The labels of {column} in {config}, by code.", fields, rows)


def _records(config: str, columns: Any) -> list[dict[str, Any]]:
    """The record set of a config, and that of its splits: readers join record sets that share one."""
    files = {"fileSet": {"@id": f"{config}-files"}}
    splits = _enumeration(f"{config}-splits", f"The splits of {config}.", {"name": "sc:Text"}, [{"name": s} for s in SPLITS])
    # documents have a column called split; the one that readers filter by is in the name of the file
    split = {
        "@type": "cr:Field",
        "@id": f"{config}/file_split",
        "name": "file_split",
        "description": "The split, from the name of the file.",
        "dataType": "sc:Text",
        "references": {"field": {"@id": f"{config}-splits/name"}},
        "source": {
            **files,
            "extract": {"fileProperty": "fullpath"},
            "transform": {"regex": rf"^data/{config}/({'|'.join(SPLITS)})-.*\.parquet$"},
        },
    }
    fields = [
        _field(f"{config}/{f.name}", config, f.name, f.type, {**files, "extract": {"column": f.name}})
        for f in columns.arrow_schema
    ]
    records = {
        "@type": "cr:RecordSet",
        "@id": config,
        "name": config,
        "description": f"A row is {CONFIGS[config]}.",
        "field": [split, *fields],
    }
    return [{**splits, "dataType": "cr:Split"}, records]


def _field(name: str, layer: str, column: str, kind: Any, source: Mapping[str, Any]) -> dict[str, Any]:
    coded = str(kind) == "int64"
    label = any(column in columns for columns in CLASSES.values())
    about = f"A code; its name is in {layer}-{column}." if coded else "A label, by its name." if label else _COLUMNS[column]
    out: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": column, "description": about}
    depth = 0
    while str(kind).startswith("list<"):
        kind, depth = kind.value_type, depth + 1
    if depth:
        # spans and evidence are lists of pairs
        out |= {"isArray": True, "arrayShape": "-1" if depth == 1 else "-1,2"}
    if str(kind).startswith("struct<"):
        inner = (kind.field(i) for i in range(kind.num_fields))
        out["subField"] = [
            _field(f"{name}/{f.name}", column, f.name, f.type, {**source, "transform": {"jsonPath": f.name}}) for f in inner
        ]
        return out
    return {**out, "dataType": _TYPES[str(kind)], "source": source}


_TYPES = {"string": "sc:Text", "int32": "cr:Int32", "int64": "cr:Int64", "bool": "sc:Boolean"}
