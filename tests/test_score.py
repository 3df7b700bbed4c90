"""Scoring from files: splits, faults, the signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from newsgold.benchmark.score import Result, score
from newsgold.corpus.codec import encode_jsonl
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.store import write_article, write_gold
from newsgold.errors import DataError, UsageError

TEXT = "Tessen fell. The Guard holds Tessen, said Belmar."
MENTIONS = (
    Mention(id="m1", start=0, end=6, type="GPE", text="Tessen"),
    Mention(id="m2", start=13, end=22, type="ORG", kind="NOM", text="The Guard"),
    Mention(id="m3", start=29, end=35, type="GPE", text="Tessen"),
    Mention(id="m4", start=42, end=48, type="GPE", text="Belmar"),
)
ENTITIES = (Entity(id="e1", mentions=("m1", "m3")), Entity(id="e2", mentions=("m2",)), Entity(id="e3", mentions=("m4",)))
RELATIONS = (Relation(type="controls", head="e2", tail="e1", evidence=(("m2", "m3"),)),)
STANCES = (Stance(id="s1", start=13, end=35, holder="m4", target="m2", polarity="against", basis="implied"),)


def gold(name: str = "tessen") -> Annotation:
    return Annotation(id=name, by="gold", mentions=MENTIONS, entities=ENTITIES, relations=RELATIONS, stances=STANCES)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two documents in two splits."""
    folder = tmp_path / "corpus"
    for name, split in (("tessen", "test"), ("belmar", "train")):
        write_article(Article(id=name, text=TEXT + " " * (name == "belmar"), split=split, event=name), folder)
        write_gold(gold(name), folder)
    (folder / "VERSION").write_text("1.2.3\n")
    return folder


def value(score: dict[str, Any]) -> float | None:
    return score["value"] if "value" in score else score["f1"]


def prf(result: Result) -> list[dict[str, Any]]:
    """The scores that have precision and recall."""
    return [s for s in result.to_dict()["scores"].values() if s["kind"] == "prf"]


def predictions(folder: Path, *annotations: Annotation) -> Path:
    path = folder / "pred.jsonl"
    path.write_bytes(encode_jsonl(annotations))
    return path


def test_gold_against_itself(corpus: Path):
    result = score(corpus, corpus)
    assert {value(s) for s in result.to_dict()["scores"].values()} == {1, None}
    assert result.documents == 2
    assert result.findings == ()


def test_the_signature_names_what_the_score_depends_on(corpus: Path):
    signature = score(corpus, corpus, split="test").signature
    parts = dict(part.split(":", 1) for part in signature.split("|"))
    assert list(parts) == ["newsgold", "corpus", "digest", "split", "docs", "kinds", "labels", "ci", "cluster"]
    assert (parts["corpus"], parts["split"], parts["docs"], parts["kinds"]) == ("1.2.3", "test", "1", "NAM,VAL")
    assert parts["digest"] != dict(p.split(":", 1) for p in score(corpus, corpus).signature.split("|"))["digest"]


def digest(*gold: Annotation) -> str:
    return score(gold, gold).signature.split("digest:")[1].split("|")[0]


def test_the_digest_is_of_the_data_not_of_its_order_or_author():
    turned = msgspec.structs.replace(gold(), by="other", mentions=MENTIONS[::-1], entities=ENTITIES[::-1])
    assert digest(gold(), gold("b")) == digest(gold("b"), turned)
    assert digest(gold()) != digest(msgspec.structs.replace(gold(), stances=()))
    assert digest(gold()) != digest(gold("b"))


def test_only_the_split_is_scored_and_other_splits_are_no_strangers(corpus: Path, tmp_path: Path):
    result = score(corpus, predictions(tmp_path, gold("tessen"), gold("belmar")), split="test")
    assert result.documents == 1
    assert result.findings == ()


def test_a_missing_document_counts_as_empty_and_is_named(corpus: Path, tmp_path: Path):
    result = score(corpus, predictions(tmp_path, gold("tessen")))
    assert [(f.code, f.severity, f.doc) for f in result.findings] == [("MISSING_DOCUMENT", "warning", "belmar")]
    strict = result.to_dict()["scores"]["mentions.strict"]
    assert (strict["precision"], strict["recall"]) == (1, 0.5)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": "nowhere"}, "UNKNOWN_DOCUMENT"),
        ({"text_sha256": "0" * 64}, "TEXT_HASH"),
        ({"mentions": (msgspec.structs.replace(MENTIONS[0], type="CITY"), *MENTIONS[1:])}, "UNKNOWN_TYPE"),
        ({"mentions": (msgspec.structs.replace(MENTIONS[0], text="Belmar"), *MENTIONS[1:])}, "SURFACE_MISMATCH"),
        ({"mentions": (*MENTIONS, Mention(id="m9", start=40, end=900, type="ORG"))}, "SPAN_OUTSIDE"),
        ({"mentions": (*MENTIONS, Mention(id="m9", start=9, end=3, type="ORG"))}, "SPAN_REVERSED"),
        ({"mentions": (*MENTIONS, Mention(id="m9", start=-4, end=3, type="ORG"))}, "SPAN_REVERSED"),
        ({"relations": (Relation(type="controls", head="e2", tail="e9"),)}, "DANGLING_ARGUMENT"),
        ({"stances": (msgspec.structs.replace(STANCES[0], polarity="hate"),)}, "UNKNOWN_POLARITY"),
    ],
)
def test_errors_mean_no_scores_unless_allowed(corpus: Path, tmp_path: Path, change: dict[str, object], code: str):
    pred = predictions(tmp_path, msgspec.structs.replace(gold(), **change), gold("belmar"))
    with pytest.raises(DataError) as caught:
        score(corpus, pred)
    (fault,) = [f for f in caught.value.findings if f.severity == "error"]
    assert (fault.code, fault.path) == (code, str(pred))
    assert fault.line == 2
    result = score(corpus, pred, allow_findings=True)
    assert "|findings:1" in result.signature
    assert any((value(s) or 0) < 1 for s in result.to_dict()["scores"].values())


def test_a_faulty_item_counts_as_predicted_and_matches_nothing(corpus: Path, tmp_path: Path):
    wrong = (msgspec.structs.replace(MENTIONS[0], text="Belmar"), *MENTIONS[1:])
    pred = predictions(tmp_path, msgspec.structs.replace(gold(), mentions=wrong), gold("belmar"))
    strict = score(corpus, pred, allow_findings=True).to_dict()["scores"]["mentions.strict"]["counts"]
    assert strict == {"p_num": 5, "p_den": 6, "r_num": 5, "r_den": 6}


def test_a_stranger_counts_as_predicted(corpus: Path, tmp_path: Path):
    pred = predictions(tmp_path, gold(), gold("belmar"), gold("nowhere"))
    strict = score(corpus, pred, allow_findings=True).to_dict()["scores"]["mentions.strict"]["counts"]
    assert strict == {"p_num": 6, "p_den": 9, "r_num": 6, "r_den": 6}


def test_a_document_predicted_twice_counts_twice_and_matches_once(corpus: Path, tmp_path: Path):
    path = tmp_path / "pred.jsonl"
    path.write_bytes(encode_jsonl([gold()]) * 2 + encode_jsonl([gold("belmar")]))
    with pytest.raises(DataError, match="errors") as caught:
        score(corpus, path)
    assert [(f.code, f.line) for f in caught.value.findings] == [("DUPLICATE_DOCUMENT", 2)]
    strict = score(corpus, path, allow_findings=True).to_dict()["scores"]["mentions.strict"]["counts"]
    assert strict == {"p_num": 6, "p_den": 9, "r_num": 6, "r_den": 6}


def test_a_repeated_item_is_a_warning_and_is_punished(corpus: Path, tmp_path: Path):
    again = msgspec.structs.replace(gold(), mentions=(*MENTIONS, msgspec.structs.replace(MENTIONS[0], id="m9")))
    result = score(corpus, predictions(tmp_path, again, gold("belmar")))
    assert [(f.code, f.severity) for f in result.findings] == [("DUPLICATE_MENTION", "warning")]
    assert result.to_dict()["scores"]["mentions.strict"]["counts"] == {"p_num": 6, "p_den": 7, "r_num": 6, "r_den": 6}


def test_kinds_filter_both_sides_of_mentions_only(corpus: Path):
    scores = score(corpus, corpus, kinds=("NOM",)).to_dict()["scores"]
    assert scores["mentions.strict"]["counts"]["r_den"] == 2
    assert scores["coref.lea"]["counts"]["r_den"] == 8


def test_gold_needs_no_texts_and_no_more_than_a_prediction(tmp_path: Path):
    bare = Annotation(id="a", mentions=(Mention(start=0, end=3, type="GPE"),))
    assert score([bare], [bare]).to_dict()["scores"]["mentions.strict"]["f1"] == 1


def test_wrong_arguments_are_usage_errors(corpus: Path):
    for options in ({"split": "dev"}, {"split": "validation"}, {"kinds": ("NAME",)}):
        with pytest.raises(UsageError):
            score(corpus, corpus, **options)


def test_an_empty_prediction_has_no_precision_and_recall_nought(corpus: Path):
    empty = [Annotation(id=n, mentions=(), entities=(), relations=(), stances=()) for n in ("tessen", "belmar")]
    scores = [s for s in prf(score(corpus, empty)) if s["counts"]["r_den"]]
    assert len(scores) > 5
    for s in scores:
        assert (s["precision"], s["recall"], s["f1"]) == (None, 0, 0)


def test_no_gold_and_no_predictions_is_undefined():
    nothing = [Annotation(id="a", mentions=(), entities=(), relations=(), stances=())]
    for s in prf(score(nothing, nothing)):
        assert (s["precision"], s["recall"], s["f1"]) == (None, None, None)


def test_parquet_of_a_release_scores_like_its_folder(repo: Path):
    file = repo / "corpus/data/documents/test-00000-of-00001.parquet"
    folder = score(repo / "corpus", repo / "corpus", split="test")
    parquet = score(file, file, split="test")
    assert parquet.to_dict()["scores"] == folder.to_dict()["scores"]
    assert parquet.signature.split("digest:")[1] == folder.signature.split("digest:")[1]


def test_a_system_that_was_given_golds_entities_names_them(corpus: Path, tmp_path: Path):
    rows = [
        Annotation(
            id=name, relations=(Relation(type="controls", head="e2", tail=tail), Relation(type="fights", head="e2", tail="e3"))
        )
        for name, tail in (("tessen", "e1"), ("belmar", "e3"))
    ]
    result = score(corpus, predictions(tmp_path, *rows))
    assert result.findings == ()
    scores = result.to_dict()["scores"]
    assert set(scores) == {"relations.gold_entities"}
    assert scores["relations.gold_entities"]["counts"] == {"p_num": 1, "p_den": 4, "r_num": 1, "r_den": 2}
    lost = Annotation(id="tessen", relations=(Relation(type="controls", head="e2", tail="e9"),))
    with pytest.raises(DataError) as caught:
        score(corpus, predictions(tmp_path, lost, rows[1]))
    assert [(f.code, f.pointer) for f in caught.value.findings] == [("DANGLING_ARGUMENT", "/relations/0/tail")]


def test_facts_that_training_data_hold_are_left_out_of_ign(corpus: Path):
    assert "relations.ign" not in score(corpus, corpus).measured
    train = [gold("other")]
    result = score(corpus, corpus, train=train)
    ign, mapped = (result.to_dict()["scores"][key]["counts"] for key in ("relations.ign", "relations.mapped"))
    assert (mapped["r_den"], ign["r_den"], ign["p_den"]) == (2, 0, 0)
    assert "|train-facts:1|" in result.signature
    stranger = msgspec.structs.replace(MENTIONS[1], text="The Rangers")
    unseen = msgspec.structs.replace(gold("other"), mentions=(MENTIONS[0], stranger, *MENTIONS[2:]))
    assert score(corpus, corpus, train=[unseen]).to_dict()["scores"]["relations.ign"]["counts"]["r_den"] == 2
