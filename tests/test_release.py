"""The release: built from gold, loaded by datasets, read back, and checked against what is committed."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from newsgold.corpus import card, install, release, tables
from newsgold.corpus.codec import canonical, encode, sha256
from newsgold.corpus.labels import default_labels, parse_labels
from newsgold.corpus.model import SPLITS, Annotation, Article, Entity, Mention, Region, Relation, Source, Stance
from newsgold.corpus.store import fill, read_annotations, read_articles, write_article, write_gold
from newsgold.corpus.verify import prove
from newsgold.errors import DataError, FileFault, UsageError

LABELS = default_labels()
CONFIGS = ("documents", "mentions", "entities", "relations", "stances")

# -------------------------------------------------------------------- invented news

TRAIN = "Tessen holds\r\n\r\nMarovia's army holds Tessen, it said.\r\nTessen holds"
VALIDATION = "The Marovian mayor of Belmar 🏛 praised the ministry on 3 May."
TEST = "Marovia and Belmar are allied."


def splits_of(config: str) -> list[str]:
    """Where the invented corpus has rows: only one document takes a stance."""
    return ["validation"] if config == "stances" else [*SPLITS]


def span(text: str, surface: str, nth: int = 0) -> dict[str, Any]:
    start = [m.start() for m in re.finditer(re.escape(surface), text)][nth]
    return {"start": start, "end": start + len(surface), "text": surface}


def corpus_at(folder: Path, repo: Path) -> Path:
    """Four documents: three in a split each, one of them without gold, and one in no split."""
    folder.mkdir(parents=True)
    for name in ("labels.toml", "README.md", "croissant.toml"):
        shutil.copyfile(repo / "corpus" / name, folder / name)
    (folder / "raw").mkdir()
    (folder / "raw" / "tessen.txt").write_bytes(TRAIN.encode())
    source = Source(name="Belmar Courier", licence="CC0", file="tessen.txt", sha256=sha256(TRAIN))
    regions = (
        Region(start=0, end=12, kind="title"),
        Region(start=16, end=53, kind="body"),
        Region(start=55, end=67, kind="duplicate"),
    )
    about = {"title": "Tessen holds", "outlet": "Courier", "published": "2031-05-03", "source": source, "regions": regions}
    write_article(
        Article(id="tessen", text=TRAIN, split="train", event="siege", origin="written", text_sha256=sha256(TRAIN), **about),
        folder,
    )
    write_article(Article(id="belmar", text=VALIDATION, split="validation", text_sha256=sha256(VALIDATION)), folder)
    write_article(Article(id="ally", text=TEST, split="test", origin="written"), folder)
    write_article(Article(id="bare", text="Nothing is known yet.", split="test", origin="written"), folder)
    write_article(Article(id="adrift", text="No split."), folder)
    for gold in golds():
        write_gold(gold, folder)
    return folder


def golds() -> tuple[Annotation, ...]:
    tessen = Annotation(
        id="tessen",
        by="gold",
        text_sha256=sha256(TRAIN),
        mentions=(
            Mention(id="m4", **span(TRAIN, "it"), type="ORG", kind="PRO"),
            Mention(id="m1", **span(TRAIN, "Tessen"), type="GPE"),
            Mention(id="m2", **span(TRAIN, "Marovia's army"), type="ORG", kind="NOM"),
            Mention(id="m5", **span(TRAIN, "Marovia"), type="GPE", kind="NAM"),
            Mention(id="m3", **span(TRAIN, "Tessen", 1), type="GPE"),
        ),
        entities=(
            Entity(id="e2", mentions=("m4", "m2")),
            Entity(id="e1", mentions=("m1", "m3"), link="Q1"),
            Entity(id="e3", mentions=("m5",)),
        ),
        relations=(
            Relation(type="state_affiliation", head="e2", tail="e3", evidence=(("m2", "m5"),)),
            Relation(type="controls", head="e2", tail="e1", evidence=(("m2", "m3"),)),
        ),
        stances=(),
    )
    belmar = Annotation(
        id="belmar",
        mentions=(
            Mention(id="m1", **span(VALIDATION, "The Marovian mayor of Belmar 🏛"), type="PERSON", kind="NOM"),
            Mention(id="m2", **span(VALIDATION, "Marovian"), type="NORP"),
            Mention(id="m3", **span(VALIDATION, "Belmar"), type="GPE"),
            Mention(id="m4", **span(VALIDATION, "the ministry"), type="ORG", kind="NOM"),
            Mention(id="m5", **span(VALIDATION, "3 May"), type="DATE"),
        ),
        entities=tuple(Entity(id=f"e{i}", mentions=(f"m{i}",)) for i in range(1, 6)),
        relations=(Relation(type="leads", head="e1", tail="e3", factuality="prospective", evidence=(("m1", "m3"),)),),
        stances=(
            Stance(
                id="s1",
                **{k: v for k, v in span(VALIDATION, "praised the ministry").items() if k != "text"},
                holder="m1",
                target="m4",
                polarity="favor",
            ),
            Stance(id="s2", start=0, end=18, holder="AUTHOR", target="m1", polarity="neutral", basis="implied"),
        ),
    )
    ally = Annotation(
        id="ally",
        mentions=(Mention(id="b", **span(TEST, "Belmar"), type="GPE"), Mention(id="a", **span(TEST, "Marovia"), type="GPE")),
        entities=(Entity(id="eb", mentions=("b",)), Entity(id="ea", mentions=("a",))),
        relations=(Relation(type="allied_with", head="eb", tail="ea", evidence=(("b", "a"),)),),
        stances=(),
    )
    return tessen, belmar, ally


@pytest.fixture
def made(tmp_path: Path, repo: Path) -> Path:
    return corpus_at(tmp_path / "corpus", repo)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, repo: Path) -> Path:
    """A built corpus; tests only read it."""
    folder = corpus_at(tmp_path_factory.mktemp("built") / "corpus", repo)
    release.build(folder)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def complete(folder: Path) -> dict[str, tuple[Article, Annotation | None]]:
    """What a release of the folder must hold, by id, made from the sources alone."""
    gold = {r.value.id: r.value for r in read_annotations(folder).records}
    out: dict[str, tuple[Article, Annotation | None]] = {}
    for record in read_articles(folder).records:
        article = msgspec.structs.replace(record.value, text_sha256=sha256(record.value.text))
        mine = gold.get(article.id)
        if article.split is not None:
            out[article.id] = (
                article,
                mine and msgspec.structs.replace(canonical(fill(mine, article), LABELS), text_sha256=article.text_sha256),
            )
    return out


# ----------------------------------------------------------------------- datasets


def datasets_process(folder: Path, code: str, cache: Path) -> Any:
    """What the code leaves in ``out``, run beside the corpus by a process that can open no connection."""
    prelude = """
import json, socket, sys
def refused(*_): raise OSError("no network in this test")
socket.socket.connect = socket.getaddrinfo = refused
from datasets import load_dataset
"""
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(cache), "HF_DATASETS_CACHE": str(cache / "datasets")}
    done = subprocess.run(
        [sys.executable, "-c", f"{prelude}\n{code}\nsys.stdout.write(json.dumps(out))"],
        cwd=folder.parent,
        env=env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


LOAD = """
def names(value, feature):
    from datasets import ClassLabel, List
    if value is None: return None
    if isinstance(feature, ClassLabel): return feature.int2str(value)
    if isinstance(feature, List): return [names(v, feature.feature) for v in value]
    if isinstance(feature, dict): return {k: names(v, feature[k]) for k, v in value.items()}
    return value
out = {"rows": {}, "streamed": {}, "version": {}}
for config in CONFIGS:
    loaded = load_dataset("./corpus", config)
    out["rows"][config] = {s: [names(row, d.features) for row in d] for s, d in loaded.items()}
    out["version"][config] = str(loaded["validation"].version)
    streamed = load_dataset("./corpus", config, streaming=True)
    out["streamed"][config] = {s: [names(row, d.features) for row in d] for s, d in streamed.items()}
out["default"] = load_dataset("./corpus")["train"].column_names
"""


@pytest.fixture(scope="module")
def loaded(built: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return datasets_process(built, f"CONFIGS = {CONFIGS!r}\n{LOAD}", tmp_path_factory.mktemp("cache"))


def test_every_config_loads_offline_in_all_splits(loaded: dict[str, Any]):
    assert {config: [*splits] for config, splits in loaded["rows"].items()} == {config: splits_of(config) for config in CONFIGS}
    assert loaded["version"] == dict.fromkeys(CONFIGS, "0.1.0")
    assert loaded["default"][:3] == ["id", "title", "text"]
    assert loaded["streamed"] == loaded["rows"]


def test_documents_equal_the_gold(built: Path, loaded: dict[str, Any]):
    rows = {row["id"]: row for split in loaded["rows"]["documents"].values() for row in split}
    expected = complete(built)
    assert sorted(rows) == sorted(expected) == ["ally", "bare", "belmar", "tessen"]
    for name, (article, gold) in expected.items():
        row = rows[name]
        assert msgspec.convert({f: row[f] for f in Article.__struct_fields__}, Article) == article
        assert row["annotated"] == (gold is not None)
        layers = ("mentions", "entities", "relations", "stances")
        if gold is None:
            assert [row[layer] for layer in layers] == [None] * 4
            continue
        assert all(mention["kind"] for mention in row["mentions"])
        kept = ("id", "by", "text_sha256", "split", "event", "ignore", *layers)
        assert canonical(msgspec.convert({f: row[f] for f in kept}, Annotation), LABELS) == gold


def test_the_flat_views_say_what_the_gold_says(loaded: dict[str, Any]):
    rows = loaded["rows"]
    mentions = rows["mentions"]["train"]
    assert [(m["id"], m["entity_id"], m["type"], m["kind"], m["link"]) for m in mentions] == [
        ("m1", "e1", "GPE", "NAM", "Q1"),
        ("m2", "e2", "ORG", "NOM", None),
        ("m5", "e3", "GPE", "NAM", None),
        ("m3", "e1", "GPE", "NAM", "Q1"),
        ("m4", "e2", "ORG", "PRO", None),
    ]
    assert all(TRAIN[m["start"] : m["end"]] == m["text"] and m["doc_id"] == "tessen" for m in mentions)
    assert rows["mentions"]["validation"][-1]["kind"] == "VAL"
    assert rows["entities"]["train"][0] == {
        "doc_id": "tessen", "id": "e1", "type": "GPE", "link": "Q1", "name": "Tessen", "mentions": ["m1", "m3"], "n": 2,
    }  # fmt: skip
    assert rows["relations"]["train"][0] == {
        "doc_id": "tessen", "type": "controls", "head": "e2", "tail": "e1", "factuality": "asserted",
        "head_name": "Marovia's army", "tail_name": "Tessen", "head_type": "ORG", "tail_type": "GPE", "evidence": [["m2", "m3"]],
    }  # fmt: skip
    ally = rows["relations"]["test"][0]
    assert (ally["head"], ally["tail"], ally["evidence"]) == ("ea", "eb", [["a", "b"]]), "symmetric heads come first"
    assert [
        (s["id"], s["holder"], s["holder_text"], s["target_text"], s["text"], s["basis"]) for s in rows["stances"]["validation"]
    ] == [
        ("s2", "AUTHOR", "AUTHOR", "The Marovian mayor of Belmar 🏛", "The Marovian mayor", "implied"),
        ("s1", "m1", "The Marovian mayor of Belmar 🏛", "the ministry", "praised the ministry", "explicit"),
    ]


def test_a_country_is_not_called_by_its_demonym():
    text = "Marovia is Marovian."
    gold = Annotation(
        id="d",
        mentions=(Mention(id="a", **span(text, "Marovia"), type="GPE"), Mention(id="b", **span(text, "Marovian"), type="NORP")),
        entities=(Entity(id="e", mentions=("a", "b")),),
    )
    schemas = {"entities": tables.features(LABELS)["entities"].arrow_schema}
    table = tables.tables([tables.Document(Article(id="d", text=text), gold)], LABELS, schemas)["entities"]
    (row,) = table.to_pylist()
    assert row["name"] == "Marovia"
    assert [*LABELS.types][row["type"]] == "GPE"


def test_a_changed_corpus_is_not_served_from_the_cache(made: Path, tmp_path: Path):
    code = 'out = [m["type"] for m in load_dataset("./corpus", "mentions", split="test")]'
    release.build(made)
    before = datasets_process(made, code, tmp_path / "cache")
    ally = golds()[2]
    first = msgspec.structs.replace(ally.mentions[0], type="ORG")
    write_gold(msgspec.structs.replace(ally, mentions=(first, *ally.mentions[1:])), made)
    release.build(made)
    after = datasets_process(made, code, tmp_path / "cache")
    types = [*LABELS.types]
    assert [types[code] for code in before] == ["GPE", "GPE"]
    assert [types[code] for code in after] == ["GPE", "ORG"]


def test_the_example_of_the_card_runs(built: Path, tmp_path: Path):
    (code,) = re.findall(r"```python\n(.*?)```", (built / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    *lines, last = code.strip().splitlines()
    assert datasets_process(built, "\n".join([*lines, f"out = {last}"]), tmp_path) == "GPE"


OTHER = b"""
name = "other"
version = "1"
kinds.NAM = {definition = "a", test = "b"}
types.no = {definition = "a", test = "b"}
types."12" = {definition = "a", test = "b"}
types."a: 'b' | \xf0\x9f\x8f\x9b" = {definition = "a", test = "b"}
factualities.asserted = {definition = "a", test = "b"}
polarities = {}
bases = {}
relations = {}
"""


def test_another_inventory_with_labels_that_yaml_would_bend(made: Path, tmp_path: Path):
    (made / "labels.toml").write_bytes(OTHER)
    for gold, kind in zip(golds(), ("no", "12", "a: 'b' | 🏛"), strict=True):
        mentions = tuple(msgspec.structs.replace(m, type=kind, kind=None) for m in gold.mentions)
        write_gold(msgspec.structs.replace(gold, mentions=mentions, relations=(), stances=()), made)
    release.build(made)
    assert release.check(made) == []
    code = """
loaded = load_dataset("./corpus", "mentions")
out = [loaded["train"].features["type"].names, [loaded[s].features["type"].int2str(loaded[s][0]["type"]) for s in loaded]]
"""
    names, used = datasets_process(made, code, tmp_path / "cache")
    assert names == used == ["no", "12", "a: 'b' | 🏛"]
    front = yaml.safe_load((made / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert [c["config_name"] for c in front["configs"]] == ["documents", "mentions", "entities"]
    path = made / card.data_file("documents", "test")
    assert next(tables.read_documents(path, Annotation)).mentions[0].type == "a: 'b' | 🏛"
    assert tables.read_labels(path) == parse_labels(OTHER, "other")


# ------------------------------------------------------------------- reading back


def test_articles_and_gold_come_back_whole(built: Path):
    for split in SPLITS:
        path = built / card.data_file("documents", split)
        expected = [pair for _, pair in sorted(complete(built).items()) if pair[0].split == split]
        assert [*release.read_documents(path, Article)] == [article for article, _ in expected]
        assert [*release.read_documents(path, Annotation)] == [gold for _, gold in expected if gold]
        assert [r.value for r in read_articles(path).records] == [article for article, _ in expected]
        assert [r.value for r in read_annotations(path).records] == [gold for _, gold in expected if gold]
        assert release.read_labels(path) == LABELS


ids = st.text("abcXYZ019_-", min_size=1, max_size=6)
small = st.integers(0, 40)
words = st.text(st.characters(codec="utf-8"), max_size=30)
maybe = st.none() | words


def one_of(section: str) -> st.SearchStrategy[str]:
    return st.sampled_from([*getattr(LABELS, section)])


def tuples_of(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=4).map(tuple)


pairs = st.tuples(ids, ids)
mention_values = st.builds(
    Mention, id=st.none() | ids, start=small, end=small, type=one_of("types"), kind=st.none() | one_of("kinds"), text=maybe
)
entity_values = st.builds(Entity, id=st.none() | ids, mentions=tuples_of(ids), link=maybe)
relation_values = st.builds(
    Relation,
    type=one_of("relations"),
    head=ids,
    tail=ids,
    factuality=one_of("factualities"),
    evidence=st.none() | tuples_of(pairs),
)
stance_values = st.builds(
    Stance,
    id=st.none() | ids,
    start=st.none() | small,
    end=st.none() | small,
    holder=ids | st.sampled_from(["AUTHOR", "UNKNOWN"]),
    target=ids,
    polarity=one_of("polarities"),
    basis=one_of("bases"),
)
article_values = st.builds(
    Article,
    id=ids,
    text=words,
    title=maybe,
    language=words,
    origin=words,
    split=st.none() | st.sampled_from(SPLITS),
    event=maybe,
    outlet=maybe,
    published=maybe,
    source=st.builds(Source, name=maybe, url=maybe, licence=maybe, file=maybe, sha256=maybe),
    regions=tuples_of(st.builds(Region, start=small, end=small, kind=st.sampled_from(["title", "body", "duplicate"]))),
    text_sha256=maybe,
)
gold_values = st.builds(
    Annotation,
    id=ids,
    by=maybe,
    mentions=st.none() | tuples_of(mention_values),
    entities=st.none() | tuples_of(entity_values),
    relations=st.none() | tuples_of(relation_values),
    stances=st.none() | tuples_of(stance_values),
)
documents = st.lists(st.builds(tables.Document, article_values, st.none() | gold_values), max_size=4)


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    return {config: columns.arrow_schema for config, columns in tables.features(LABELS).items()}


def parquet(config: str, documents: list[tables.Document], schemas: dict[str, Any], about: dict[str, Any]) -> tables.Shard:
    writer = tables.ShardWriter(schemas[config])
    writer.write(tables.tables(documents, LABELS, schemas)[config])
    return writer.close(about)


@given(documents)
@example([])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_is_written_is_what_is_read(schemas: dict[str, Any], tmp_path: Path, documents: list[tables.Document]):
    """Whatever has the shape of a document survives, valid or not, and its views can be built."""
    whole = []
    for article, gold in documents:
        filled = gold and msgspec.structs.replace(fill(gold, article), id=article.id, text_sha256=article.text_sha256)
        whole.append(tables.Document(article, filled and canonical(filled, LABELS)))
    about = {"labels": msgspec.to_builtins(LABELS)}
    path = tmp_path / "documents.parquet"
    data = parquet("documents", whole, schemas, about)
    path.write_bytes(data.data)
    assert [*release.read_documents(path, Article)] == [article for article, _ in whole]
    assert [*release.read_documents(path, Annotation)] == [gold for _, gold in whole if gold]
    assert [*release.read_rows(path)] == whole
    assert parquet("documents", whole, schemas, about) == data
    for config in CONFIGS[1:]:
        assert parquet(config, whole, schemas, {}).data


def test_a_release_that_datasets_wrote_again_still_reads(built: Path, tmp_path: Path):
    """After a filter, say, our own metadata are gone and the names are where datasets keeps them."""
    source = built / card.data_file("documents", "train")
    table = pq.read_table(source)
    kept = {k: v for k, v in table.schema.metadata.items() if k == b"huggingface"}
    pq.write_table(table.replace_schema_metadata(kept), tmp_path / "again.parquet")
    assert release.read_labels(tmp_path / "again.parquet") is None
    assert [*release.read_documents(tmp_path / "again.parquet", Annotation)] == [*release.read_documents(source, Annotation)]


def test_reading_needs_no_datasets(built: Path):
    code = (
        "import sys; from pathlib import Path; from newsgold.corpus import release;"
        "from newsgold.corpus.model import Article, Annotation;"
        f"p = Path({str(built / card.data_file('documents', 'test'))!r});"
        "assert [*release.read_documents(p, Article)] and [*release.read_documents(p, Annotation)] and release.read_labels(p);"
        "assert release.stats(p); assert 'datasets' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_files_that_are_no_release_are_refused(built: Path, tmp_path: Path):
    def refused(path: Path) -> str:
        with pytest.raises(FileFault) as fault:
            list(release.read_documents(path, Annotation))
        assert str(path) in str(fault.value)
        return str(fault.value)

    refused(tmp_path / "missing.parquet")
    (tmp_path / "text.parquet").write_bytes(b"PAR1 not really")
    refused(tmp_path / "text.parquet")
    whole = (built / card.data_file("documents", "train")).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "cut.parquet")
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "foreign.parquet")
    assert "text" in refused(tmp_path / "foreign.parquet")
    refused(built / card.data_file("mentions", "train"))

    table = pq.read_table(built / card.data_file("documents", "train"))
    for code in (-1, 99):
        rows = table.to_pylist()
        rows[0]["mentions"][0]["type"] = code
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tmp_path / "code.parquet")
        refused(tmp_path / "code.parquet")
    for labels in (b'{"labels": {"name": 1}}', b"[", b'{"labels": 3}'):
        pq.write_table(table.replace_schema_metadata({tables.METADATA: labels}), tmp_path / "labels.parquet")
        assert "inventory" in refused(tmp_path / "labels.parquet")


# ----------------------------------------------------------------------- building


def test_two_builds_in_different_places_are_the_same_bytes(made: Path, built: Path, tmp_path: Path):
    result = release.build(made)
    assert tree(made) == tree(built)
    assert {p.relative_to(made).as_posix() for p in result.changed} == {
        *(card.data_file(config, split) for config in CONFIGS for split in splits_of(config)),
        *("README.md", "VERSION", "SHA256SUMS", "croissant.json", "schema/annotation.json", "schema/article.json"),
    }
    assert release.build(made).changed == ()
    assert release.check(made) == []
    out = release.build(made, out=tmp_path / "out")
    assert out.digest == result.digest
    assert tree(tmp_path / "out" / "data") == tree(made / "data")
    assert release.build(tmp_path / "corpus", out=tmp_path / "out").changed == ()


def test_the_bytes_do_not_depend_on_the_process(built: Path):
    code = (
        "import hashlib, sys; from pathlib import Path; from newsgold.corpus import release;"
        f"files = release.render(Path({str(built)!r})).files;"
        "sys.stdout.write(hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest())"
    )
    seeds = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone, threads in (("1", "UTC", "1"), ("2", "Asia/Tokyo", "7"))
    }
    assert len(seeds) == 1


def test_nothing_of_this_machine_is_in_the_files(built: Path):
    for name, data in tree(built).items():
        assert str(built).encode() not in data, name
        assert os.uname().nodename.encode() not in data or len(os.uname().nodename) < 4, name


def test_the_digest_can_be_had_from_the_parquet(built: Path):
    digest = release.logical_digest(release.read_release(built))
    assert digest == release.render(built).digest
    front = yaml.safe_load((built / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert {c["description"] for c in front["configs"]} == {f"sha256:{digest}"}
    metadata = pq.read_metadata(built / card.data_file("stances", "validation")).metadata
    assert json.loads(metadata[tables.METADATA]) == {"config": "stances", "digest": digest, "version": "0.1.0"}


def test_the_digest_is_of_the_data_only(made: Path):
    before = release.render(made)
    assert release.render(made, version="2.0.0").digest == before.digest
    (made / "README.md").write_text((made / "README.md").read_text(encoding="utf-8") + "\nMore.\n", encoding="utf-8")
    assert release.render(made).digest == before.digest
    write_article(Article(id="adrift", text="No split.", split="test"), made)
    assert release.render(made).digest != before.digest


def test_defaults_written_out_are_the_same_data(made: Path):
    before = release.render(made)
    path = made / "gold" / "ally.json"
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b'"type":"allied_with",', b'"type":"allied_with","factuality":"asserted",'))
    assert path.read_bytes() != raw
    after = release.render(made)
    assert after.digest == before.digest
    assert [name for name, data in after.files.items() if data != before.files[name]] == ["SHA256SUMS"]


def version_of(folder: Path) -> str:
    """The version of a release, proven; ``mixed`` where its parts do not belong together."""
    try:
        return prove(folder).version
    except DataError:
        return "mixed"


class Killed(BaseException):
    """Stands for a signal."""


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: what a signal does is the same there, and syncing takes no time."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


def test_a_build_killed_at_any_step_leaves_one_release_or_says_so_and_the_next_finishes(
    made: Path, quick: Path, monkeypatch: pytest.MonkeyPatch
):
    """Every call that changes a file is the last one once."""
    target = quick / "out"
    release.build(made, out=target)
    old = tree(target)
    write_gold(msgspec.structs.replace(golds()[2], relations=()), made)
    built = release.render(made, version="0.2.0", alone=True)
    new = dict(built.files)
    assert card.data_file("relations", "test") in old.keys() - new.keys()
    states = []
    clear = install._clear
    for survivors in range(200):
        shutil.rmtree(target)
        for name, data in old.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(data)
        left = iter(range(survivors))

        def dying(call: Any, left: Any = left) -> Any:
            def step(*args: Any, **keywords: Any) -> Any:
                if next(left, None) is None:
                    raise Killed
                return call(*args, **keywords)

            return step

        with monkeypatch.context() as patch:
            for name in ("replace", "rename", "fsync"):
                patch.setattr(os, name, dying(getattr(os, name)))
            for name in ("unlink", "rmdir"):
                patch.setattr(Path, name, dying(getattr(Path, name)))
            # a signal leaves no time to tidy up
            patch.setattr(install, "_clear", lambda folder: folder.name == install.STAGING or clear(folder))
            try:
                release.write(built, target)
            except Killed:
                pass
            else:
                break
        states.append(version_of(target))
        if states[-1] == "mixed":
            assert (target / install.READY).is_dir()
        committed = (target / install.READY).is_dir()
        install.settle(target)
        assert version_of(target) == ("0.2.0" if committed else states[-1])
        release.write(built, target)
        assert tree(target) == new
    assert [state for state, _ in groupby(states)] == ["0.1.0", "mixed", "0.2.0"]
    assert min(Counter(states).values()) > 2
    assert tree(target) == new


KILLS = """
import json, os, random, signal, sys, time
from pathlib import Path
from newsgold.corpus import install, release
from newsgold.corpus.verify import prove
from newsgold.errors import DataError
sources, target = [Path(sys.argv[1]), Path(sys.argv[2])], Path(sys.argv[3])
digests = {"0.1.0": release.build(sources[1], version="0.1.0", out=target).digest}
begin = time.monotonic()  # modules are imported now
digests["0.2.0"] = release.build(sources[0], version="0.2.0", out=target).digest
took = time.monotonic() - begin
pick, seen = random.Random(5), []
for number in range(1, 33):
    before, version = prove(target).version, f"0.{number + 2}.0"
    # what was ready when its writer was killed is finished by the next one, which may be killed before it writes its own
    ready = [f"0.{number + 1}.0"] if (target / install.READY).is_dir() else []
    digests[version] = digests["0.1.0" if number % 2 else "0.2.0"]
    child = os.fork()
    if child == 0:
        release.build(sources[number % 2], version=version, out=target)
        os._exit(0)
    time.sleep(pick.uniform(0, 1.2 * took))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        state = prove(target).version
    except DataError:
        state = "mixed"
        assert (target / install.READY).is_dir()
        install.settle(target)
    now = prove(target)
    assert now.version in (before, version, *ready), (before, version, now.version)
    assert now.digest == digests[now.version]
    if number % 8 == 0:
        release.build(sources[number % 2], version=version, out=target)
        assert prove(target).version == version and not install.remains(target)
    seen.append("old" if state in (before, *ready) else "new" if state == version else state)
sys.stdout.write(json.dumps(seen))
"""


def test_a_build_killed_at_any_moment_leaves_the_old_release_or_the_new_one(made: Path, quick: Path):
    shutil.copytree(made, quick / "other")
    write_gold(msgspec.structs.replace(golds()[2], relations=()), quick / "other")
    command = [sys.executable, "-c", KILLS, str(made), str(quick / "other"), str(quick / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = Counter(json.loads(done.stdout))
    assert sum(seen.values()) == 32
    assert seen["old"] > 5


def test_words_written_after_a_kill_are_kept(made: Path, monkeypatch: pytest.MonkeyPatch):
    release.build(made)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            release.build(made, version="0.2.0")
    (made / "README.md").write_text((made / "README.md").read_text(encoding="utf-8") + "\nMine.\n", encoding="utf-8")
    assert [Path(f.path).name for f in release.check(made)][-1] == install.READY
    release.build(made, version="0.2.0")
    assert (made / "README.md").read_text(encoding="utf-8").endswith("\nMine.\n")
    assert version_of(made) == "0.2.0"


def newsgold(*arguments: object, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """The command, in a process that can write files of at most ``limit`` bytes."""

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-m", "newsgold.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, preexec_fn=limited, check=False)


def test_where_there_is_no_room_the_old_release_stays(made: Path):
    release.build(made)
    write_gold(msgspec.structs.replace(golds()[2], relations=()), made)
    before = tree(made)
    done = newsgold("corpus", "build", made, "--version", "0.2.0", limit=4096)
    assert done.returncode == 3
    assert "untouched; make room and run again" in done.stderr
    assert tree(made) == before
    assert newsgold("corpus", "build", made, "--version", "0.2.0").returncode == 0
    assert version_of(made) == "0.2.0"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_is_full_or_fails_when_it_is_synced(made: Path, code: int, monkeypatch: pytest.MonkeyPatch):
    release.build(made)
    before = tree(made)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(code, os.strerror(code))))
        with pytest.raises(FileFault, match=f"{os.strerror(code)}; what was there is untouched"):
            release.build(made, version="0.2.0")
    assert tree(made) == before


def test_a_target_that_cannot_be_written(made: Path, tmp_path: Path):
    done = newsgold("corpus", "build", made, "--out", "/sys/newsgold-release")
    assert done.returncode == 3
    assert "/sys/newsgold-release" in done.stderr
    assert "make the folder writable, or choose another with --out" in done.stderr
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileFault, match="no folder"):
        release.build(made, out=tmp_path / "file")
    (tmp_path / "out" / "README.md").mkdir(parents=True)
    with pytest.raises(FileFault, match="no file: move what stands in its place"):
        release.build(made, out=tmp_path / "out")
    assert [*(tmp_path / "out").iterdir()] == [tmp_path / "out" / "README.md"]


def test_two_builds_at_once(made: Path):
    release.build(made)
    with install._alone(made), pytest.raises(FileFault, match="another build is writing"):
        release.build(made, version="0.2.0")
    assert version_of(made) == "0.1.0"


def test_an_older_version_does_not_replace_a_newer_one(made: Path, tmp_path: Path):
    release.build(made, version="0.10.0", out=tmp_path / "out")
    before = tree(tmp_path / "out")
    with pytest.raises(UsageError, match=r"holds version 0\.10\.0, which is newer than 0\.9\.0: give a higher --version"):
        release.build(made, version="0.9.0", out=tmp_path / "out")
    with pytest.raises(UsageError, match=r"newer than 0\.1\.0"):
        release.build(made, out=tmp_path / "out")
    assert tree(tmp_path / "out") == before
    assert release.build(made, version="0.10.0", out=tmp_path / "out").changed == ()


def test_a_large_split_is_in_several_files(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(11):
        write_article(Article(id=f"more-{number:02}", text=f"Text {number}.", split="test", origin="written"), made)
    whole = release.render(made)
    monkeypatch.setattr(release, "SHARD", 4)
    monkeypatch.setattr(release, "ROW_GROUP", 2)
    release.build(made, out=tmp_path / "out")
    names = sorted(p.name for p in (tmp_path / "out" / "data" / "documents").glob("test-*"))
    assert names == [f"test-{i:05}-of-00004.parquet" for i in range(4)]
    assert [p.name for p in (tmp_path / "out" / "data" / "relations").glob("test-*")] == ["test-00000-of-00001.parquet"]
    groups = [pq.ParquetFile(tmp_path / "out" / "data" / "documents" / name).metadata for name in names]
    assert [[m.row_group(i).num_rows for i in range(m.num_row_groups)] for m in groups] == [[2, 2], [2, 2], [2, 2], [1]]
    found = prove(tmp_path / "out")
    assert found.digest == whole.digest == release.logical_digest(release.read_release(tmp_path / "out"))
    release.build(made)
    assert release.load_back(made)["documents"] == 15
    monkeypatch.undo()
    release.build(made, out=tmp_path / "out")
    assert [p.name for p in (tmp_path / "out" / "data" / "documents").glob("test-*")] == ["test-00000-of-00001.parquet"]
    assert version_of(tmp_path / "out") == "0.1.0"


def test_documents_out_of_order_are_a_bug():
    pair = [tables.Document(Article(id=name, text="x", split="test"), None) for name in ("b", "a")]
    prose = release.Prose(b"", None)
    with pytest.raises(ValueError, match="sorted"):
        release.render_documents(pair, LABELS, version="1.0.0", prose=prose)


def test_articles_without_a_split_are_left_out_and_named(made: Path):
    (warning,) = release.build(made).findings
    assert (warning.code, warning.severity, warning.doc) == ("BAD_SPLIT", "warning", "adrift")
    assert "left out" in str(warning)


def test_a_split_that_is_gone_is_removed(made: Path):
    release.build(made)
    keep = made / "data" / "documents" / "notes.txt"
    keep.write_text("not ours")
    article = complete(made)["tessen"][0]
    write_article(msgspec.structs.replace(article, split="test"), made)
    gone = [made / card.data_file(config, "train") for config in CONFIGS if config != "stances"]
    assert {f.path for f in release.check(made) if f.got == "a file left over"} == {str(p) for p in gone}
    assert set(gone) < {*release.build(made).changed}
    assert not any(p.exists() for p in gone)
    assert keep.exists()
    assert release.check(made) == []


def test_faulty_gold_is_refused_before_anything_is_written(made: Path):
    before = tree(made)
    ally = golds()[2]
    faulty = msgspec.structs.replace(ally, mentions=(msgspec.structs.replace(ally.mentions[0], type="CITY"), ally.mentions[1]))
    write_gold(faulty, made)
    with pytest.raises(DataError) as error:
        release.build(made)
    assert "UNKNOWN_TYPE" in {f.code for f in error.value.findings}
    assert tree(made).keys() == before.keys()


def test_a_corpus_with_nothing_to_release(tmp_path: Path, repo: Path):
    with pytest.raises(FileFault, match="no articles"):
        release.build(tmp_path)
    write_article(Article(id="adrift", text="No split."), tmp_path)
    shutil.copyfile(repo / "corpus" / "README.md", tmp_path / "README.md")
    with pytest.raises(DataError, match="no article has a split"):
        release.build(tmp_path)


def test_versions(made: Path):
    assert release.build(made).version == "0.1.0"
    assert (made / "VERSION").read_bytes() == b"0.1.0\n"
    assert release.build(made, version="1.10.0").version == "1.10.0"
    assert release.build(made).version == "1.10.0"
    assert "version: 1.10.0\n" in (made / "README.md").read_text(encoding="utf-8")
    for wrong in ("1.2", "v1.2.0", "1.2.0-rc1", "01.2.0", "١.2.0", ""):
        with pytest.raises(UsageError, match="three numbers"):
            release.build(made, version=wrong)
    (made / "VERSION").write_bytes(b"next\n")
    with pytest.raises(FileFault, match="VERSION"):
        release.build(made)


@pytest.mark.parametrize("where", ["corpus", "out"])
def test_sha256sum_agrees(made: Path, tmp_path: Path, where: str):
    release.build(made, out=None if where == "corpus" else tmp_path / "out")
    lines = (tmp_path / where / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    names = [line.split("  ")[1] for line in lines]
    assert names == sorted(names)
    assert {"labels.toml", "schema/article.json", card.data_file("documents", "test")} < {*names}
    assert ("raw/tessen.txt" in names) == ("gold/ally.json" in names) == ("articles/bare.toml" in names) == (where == "corpus")
    for line in lines:
        digest, name = line.split("  ")
        assert sha256((tmp_path / where / name).read_bytes()) == digest
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path / where, check=True)


def test_the_schemas_fit_the_gold(built: Path):
    schema = json.loads((built / "schema" / "annotation.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for path in (built / "gold").glob("*.json"):
        validator.validate(json.loads(path.read_bytes()))
    assert not validator.is_valid({"id": "a", "mentions": [{"start": 0, "end": 1, "type": "CITY"}]})
    articles = Draft202012Validator(json.loads((built / "schema" / "article.json").read_bytes()))
    for record in read_articles(built).records:
        articles.validate(json.loads(encode(record.value)))


@pytest.mark.parametrize(
    "name", ["README.md", "SHA256SUMS", "VERSION", "schema/article.json", card.data_file("stances", "validation")]
)
def test_check_names_each_file_that_is_stale_or_missing(made: Path, name: str):
    release.build(made)
    data = (made / name).read_bytes()
    if name not in ("README.md", "VERSION"):
        (made / name).write_bytes(data + b"\n")
        assert [(f.code, Path(f.path)) for f in release.check(made)] == [("RELEASE_STALE", made / name)]
    if name == "README.md":
        (made / name).write_bytes(data.replace(b"version: 0.1.0", b"version: 0.1.1 "))
        with pytest.raises(DataError, match="CARD_EDITED"):
            release.check(made)
    else:
        (made / name).unlink()
        assert [(f.path, f.got) for f in release.check(made)] == [(str(made / name), "no file")]


def test_check_sees_gold_that_moved_on_and_writes_nothing(made: Path):
    release.build(made)
    write_gold(msgspec.structs.replace(golds()[2], relations=()), made)
    before = tree(made)
    stale = {Path(f.path).relative_to(made).as_posix() for f in release.check(made)}
    assert {"README.md", "SHA256SUMS", card.data_file("documents", "test"), card.data_file("relations", "test")} <= stale
    assert tree(made) == before


# --------------------------------------------------------------------------- card


def test_the_card_keeps_what_people_wrote(made: Path):
    path = made / "README.md"
    text = path.read_text(encoding="utf-8").replace("pretty_name: newsgold", "pretty_name: Zwiebelfisch ä\nmine: [yes, 'no']")
    path.write_text(text + "\nA word of our own: größer | 🏛.\n", encoding="utf-8", newline="\n")
    release.build(made)
    after = path.read_text(encoding="utf-8")
    front = yaml.safe_load(after.split("---\n")[1])
    assert front["pretty_name"] == "Zwiebelfisch ä"
    assert front["mine"] == [True, "no"]
    assert front["license"] == "other"
    assert front["size_categories"] == ["n<1K"]
    assert [c["config_name"] for c in front["configs"]] == [*CONFIGS]
    assert [s["num_examples"] for s in front["dataset_info"][0]["splits"]] == [1, 1, 2]
    assert after.endswith("\nA word of our own: größer | 🏛.\n")
    marked = re.compile(r"(<!-- generated: \w+ -->).*?(<!-- /generated -->)", re.DOTALL)
    assert marked.sub(r"\1\2", after.split("---\n", 2)[2]) == marked.sub(
        r"\1\2", path.read_text(encoding="utf-8").split("---\n", 2)[2]
    )
    assert "| test | 2 | 9 | 2 | 2 | 1 | 0 |" in after
    assert "| `GPE` | 3 | 1 | 2 | 6 |" in after
    assert "| `favor` | 0 | 1 | 0 | 1 |" in after
    assert not re.search(r"[&*]id\d", after), "no YAML anchors"


def test_the_card_says_where_its_code_is(corpus: Path):
    body = (corpus / "README.md").read_text(encoding="utf-8").split("---\n", 2)[2].splitlines()
    assert body[0].startswith("# ")
    assert body[1] == "Code: src/newsgold/corpus/"


SECTIONS = {"one": "1", "two": "2"}
BODY = "a\n<!-- generated: one -->\n \n<!-- /generated -->\nb\n<!-- generated: two --><!-- /generated -->\n"
ONE, TWO = (f" sha256:{sha256(text)[:12]}" for text in ("\n1\n", "\n2\n"))


def test_sections_are_replaced_and_nothing_else():
    out = card.render(f"---\nk: v\n---\n{BODY}".encode(), "x", {"g": 1}, SECTIONS)
    parts = BODY.replace("\n \n", "\n1\n").replace("two --><!--", "two -->\n2\n<!--").split("/generated")
    body = f"{parts[0]}/generated{ONE}{parts[1]}/generated{TWO}{parts[2]}"
    assert out.decode() == f"---\nk: v\ng: 1\n---\n{body}"
    assert card.render(out, "x", {"g": 1}, SECTIONS) == out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# no front matter\n", "front matter"),
        (f"---\n{BODY}", "front matter"),
        (f"---\n[1, 2]\n---\n{BODY}", "mapping"),
        (f"---\na: b: c\n---\n{BODY}", "not valid YAML"),
        ("---\nk: v\n---\nprose only\n", "it has none"),
        ("---\nk: v\n---\n" + BODY.replace("<!-- /generated -->\nb", "b"), "markers"),
        ("---\nk: v\n---\n" + BODY.replace("two", "three"), "three"),
        ("---\nk: v\n---\n" + BODY.replace("two", "one"), "markers"),
        ("---\nk: v\n---\n" + BODY + BODY, "markers"),
        ("---\nk: v\n---\n<!-- /generated -->" + BODY, "markers"),
        ("---\nk: v\n---\n" + BODY[:-21], "markers"),
    ],
)
def test_a_card_without_its_places_is_refused(text: str, says: str):
    with pytest.raises(FileFault, match=says):
        card.render(text.encode(), "card.md", {}, SECTIONS)
    with pytest.raises(FileFault, match="UTF-8"):
        card.render(text.encode() + b"\xff", "card.md", {}, SECTIONS)


def test_a_refused_card_stays_as_it_was(made: Path):
    path = made / "README.md"
    path.write_bytes(re.sub(rb"<!-- /generated sha256:\w+ -->", b"", path.read_bytes(), count=1))
    before = tree(made)
    with pytest.raises(FileFault, match="markers"):
        release.build(made)
    assert tree(made) == before
    path.unlink()
    with pytest.raises(FileFault, match="no dataset card"):
        release.build(made)


EDITS = {
    "a section": (r"\| all \| 4 \|", "| all | 5 |", ["/counts"]),
    "words in two sections": (r"(\n<!-- /generated)", r"\nMine.\1", ["/counts", "/labels", "/configs"]),
    "the front matter": (r"version: 0\.1\.0", "version: 0.1.1", ["/front matter"]),
    "no sum": (r"\| all \| 4 (.*?)<!-- /generated sha256:\w+ -->", r"| all | 5 \1<!-- /generated -->", ["/counts"]),
}


@pytest.mark.parametrize("what", EDITS)
def test_a_generated_part_that_was_edited_by_hand_is_not_written_over(made: Path, what: str):
    release.build(made)
    path = made / "README.md"
    pattern, words, pointers = EDITS[what]
    text = re.sub(pattern, words, path.read_text(encoding="utf-8"), flags=re.DOTALL)
    path.write_text(text, encoding="utf-8")
    before = tree(made)
    for run in (release.check, release.build):
        with pytest.raises(DataError) as error:
            run(made)
        assert [(f.code, f.pointer) for f in error.value.findings] == [("CARD_EDITED", pointer) for pointer in pointers]
        for fault in error.value.findings:
            line = text.split("\n")[fault.line - 1]
            assert line.startswith("<!-- generated: ") or fault.pointer == "/front matter"
    assert tree(made) == before
    # as the message says: emptied, it is filled again
    if pointers == ["/front matter"]:
        text = re.sub(r"# generated, .*?\n---\n", "---\n", text, count=1, flags=re.DOTALL)
    text = re.sub(r"(<!-- generated: \w+ -->).*?(<!-- /generated)", r"\1\2", text, flags=re.DOTALL)
    path.write_text(text, encoding="utf-8")
    release.build(made)
    assert release.check(made) == []
    assert "| all | 4 |" in path.read_text(encoding="utf-8")


def test_line_ends_are_no_words(made: Path):
    release.build(made)
    path = made / "README.md"
    before = path.read_bytes()
    head, _, body = before.partition(b"\n---\n")
    path.write_bytes(head + b"\n---\n" + body.replace(b"\n", b"\r\n"))
    release.build(made)
    assert path.read_bytes() != before
    assert release.check(made) == []


@pytest.mark.parametrize(("n", "size"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**8, "n>10M")])
def test_sizes(n: int, size: str):
    front = card.front_matter("1.0.0", "d", tables.features(LABELS), {"documents": {"test": [tables.Shard(b"", 0, n)]}})
    assert front["size_categories"] == [size]


# -------------------------------------------------------------------------- stats


def test_stats_of_a_corpus(made: Path):
    stats = release.stats(made)
    assert [*stats] == ["documents", "words", "mentions", "entities", "relations", "stances", "by_split", "by_type", "by_origin"]
    assert {k: stats[k] for k in [*stats][:6]} == {
        "documents": 5,
        "words": 33,
        "mentions": 12,
        "entities": 10,
        "relations": 4,
        "stances": 2,
    }
    assert [*stats["by_split"]] == [*SPLITS, "none"]
    assert stats["by_split"]["test"] == {"documents": 2, "words": 9, "mentions": 2, "entities": 2, "relations": 1, "stances": 0}
    assert stats["by_type"]["mentions"] == {"GPE": 6, "ORG": 3, "DATE": 1, "NORP": 1, "PERSON": 1}
    assert stats["by_type"]["relations"] == {"allied_with": 1, "controls": 1, "leads": 1, "state_affiliation": 1}
    assert stats["by_type"]["stances"] == {"favor": 1, "neutral": 1}
    assert {o: part["documents"] for o, part in stats["by_origin"].items()} == {"imported": 2, "written": 3}
    json.dumps(stats)


def test_stats_of_other_places(built: Path, tmp_path: Path):
    whole = release.stats(built)
    parquet = release.stats(built / card.data_file("documents", "test"))
    assert parquet["by_split"] == {"test": whole["by_split"]["test"]}
    bare = release.stats(built / "gold")
    assert (bare["documents"], bare["words"], bare["mentions"]) == (3, None, 12)
    write_article(Article(id="a", text="One two."), tmp_path)
    assert release.stats(tmp_path)["words"] == 2
    (tmp_path / "gold").mkdir()
    (tmp_path / "gold" / "a.json").write_bytes(b'{"id": 1}')
    with pytest.raises(DataError, match="cannot be counted"):
        release.stats(tmp_path)


def test_the_next_build_clears_away_what_a_killed_one_left(made: Path) -> None:
    release.build(made)
    rest = made / install.STAGING
    (rest / "data").mkdir(parents=True)
    (rest / "data" / "half").write_text("x")
    (made / ".notes.tmp").write_text("x")
    assert [f.path for f in release.check(made)] == [str(rest)]
    assert version_of(made) == "0.1.0"
    assert release.build(made).changed == (rest,)
    assert (rest.exists(), (made / ".notes.tmp").exists()) == (False, True)


def test_the_schema_of_articles_says_what_is_checked(corpus: Path) -> None:
    schema = json.loads((corpus / "schema" / "article.json").read_bytes())
    region = {"start": 0, "end": 1, "kind": "body"}
    article = {"id": "a", "text": "x", "origin": "seed", "published": "2031-05-03", "regions": [region]}
    validator = Draft202012Validator(schema)
    assert validator.is_valid(article)
    regions = ({"regions": [{**region, "kind": "x"}]}, {"regions": [{**region, "end": 2**31}]})
    for wrong in ({"origin": "stolen"}, {"published": "3 May"}, *regions):
        assert not validator.is_valid(article | wrong)
