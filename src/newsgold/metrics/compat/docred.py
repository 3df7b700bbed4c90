"""DocRED's evaluation.py at 64622e6: relations between given entities, and their evidence.

Source: Yao et al. 2019 and the README of thunlp/DocRED. *Ign* leaves out facts that training data hold, but in
precision only: recall keeps them (thunlp/DocRED#31, #47).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from newsgold.errors import quote
from newsgold.metrics.compat.shared import PeerFault, f1, field, json_records, json_value, listed, many, ratio, repeats

Triple = tuple[str, str, int, int]
"""Title, relation, head and tail; the last two are numbers of entities."""


class Inputs(NamedTuple):
    """Gold facts and predicted ones, each with its evidence sentences, and the names of the entities."""

    gold: dict[Triple, frozenset[int]]
    evidence: int
    """How many evidence sentences gold lists."""
    names: dict[str, list[list[str]]]
    pred: list[tuple[Triple, frozenset[int]]]
    """As submitted, repetitions included."""


def read(gold: Path, pred: Path) -> Inputs:
    """Gold as in dev.json, predictions as in result.json.

    Documents have ``title``, ``vertexSet`` and ``labels``; predictions ``title``, ``h_idx``, ``t_idx``, ``r`` and,
    if they like, ``evidence``.
    """
    facts: dict[Triple, frozenset[int]] = {}
    names, evidence = {}, 0
    for document in json_records(gold):
        title = field(document, "title", str, str(gold))
        vertices = listed(document, "vertexSet", list, f"{gold}: {quote(title)}")
        names[title] = [[field(m, "name", str, f"{gold}: {quote(title)}") for m in vertex] for vertex in vertices]
        for label in field(document, "labels", list, f"{gold}: {quote(title)}"):
            triple, sentences = _fact(label, title, ("r", "h", "t"), gold)
            _check_entities(triple, names, gold)
            facts[triple] = frozenset(sentences)
            evidence += len(sentences)
    return Inputs(facts, evidence, names, [_predicted(item, names, pred) for item in json_records(pred)])


def _predicted(item: dict[str, Any], names: dict[str, list[list[str]]], path: Path) -> tuple[Triple, frozenset[int]]:
    triple, sentences = _fact(item, field(item, "title", str, str(path)), ("r", "h_idx", "t_idx"), path)
    _check_entities(triple, names, path)
    return triple, frozenset(sentences)


def _fact(item: Any, title: str, keys: tuple[str, str, str], path: Path) -> tuple[Triple, list[int]]:
    where = f"{path}: {quote(title)}"
    relation, head, tail = field(item, keys[0], str, where), field(item, keys[1], int, where), field(item, keys[2], int, where)
    return (title, relation, head, tail), listed(item, "evidence", int, where, default=[])


def _check_entities(triple: Triple, names: dict[str, list[list[str]]], path: Path) -> None:
    title, relation, head, tail = triple
    if title in names and not all(0 <= i < len(names[title]) for i in (head, tail)):
        raise PeerFault(f"{path}: {quote(title)} has no entity {max(head, tail)}, argument of {quote(relation)}")


def score(inputs: Inputs, *, train_annotated: str = "", train_distant: str = "") -> dict[str, Any]:
    """RE_F1 and Evi_F1; RE_ignore_annotated_F1 and RE_ignore_distant_F1 where the facts of training data are given.

    Edge cases: repeated predictions count once, with the first one's evidence; without predictions the script
    crashes, and so there is no number; other 0/0 are 0.
    """
    submitted = _distinct(inputs)
    right = [(triple, evidence) for triple, evidence in submitted.items() if triple in inputs.gold]
    recall = ratio(len(right), len(inputs.gold))
    found = sum(len(inputs.gold[triple] & evidence) for triple, evidence in right)
    given = sum(len(evidence) for triple, evidence in submitted.items() if triple[0] in inputs.names)
    precision = ratio(len(right), len(submitted))
    out = {
        "RE_P": precision,
        "RE_R": recall,
        "RE_F1": f1(precision, recall),
        "Evi_F1": f1(ratio(found, given), ratio(found, inputs.evidence)),
    }
    for key, path in (("annotated", train_annotated), ("distant", train_distant)):
        if path:
            seen = _seen(inputs, right, _facts(Path(path)))
            out[f"RE_ignore_{key}_F1"] = f1(ratio(len(right) - seen, len(submitted) - seen), recall)
    return out


def _distinct(inputs: Inputs) -> dict[Triple, frozenset[int]]:
    if not inputs.pred:
        raise PeerFault("DocRED's script crashes on a submission without predictions")
    return dict(reversed(inputs.pred))


def _facts(path: Path) -> set[tuple[str, str, str]]:
    """Training facts: (head name, tail name, relation)."""
    value = json_value(path)
    if not isinstance(value, list) or not all(isinstance(fact, list) and len(fact) == 3 for fact in value):
        raise PeerFault(f"{path}: wanted a list of [head name, tail name, relation]")
    return {(str(fact[0]), str(fact[1]), str(fact[2])) for fact in value}


def _seen(inputs: Inputs, right: list[tuple[Triple, frozenset[int]]], facts: set[tuple[str, str, str]]) -> int:
    """How many right predictions some pair of names of their entities has as a training fact."""
    return sum(
        any((a, b, relation) in facts for a in inputs.names[title][head] for b in inputs.names[title][tail])
        for (title, relation, head, tail), _ in right
    )


def explain(inputs: Inputs, *, train_annotated: str = "", train_distant: str = "") -> list[str]:
    """What repetitions, unknown documents and training facts do here."""
    numbers = score(inputs, train_annotated=train_annotated, train_distant=train_distant)
    submitted = _distinct(inputs)
    right = [(triple, evidence) for triple, evidence in submitted.items() if triple in inputs.gold]
    again, same = repeats(triple for triple, _ in inputs.pred), repeats(inputs.pred)
    own = f1(ratio(len(right), len(submitted) + same), numbers["RE_R"])
    out = [f"RE_F1: docred {numbers['RE_F1']:.4f}, ours {own:.4f} with gold entities given"]
    if again:
        out.append(
            f"{many(again, 'repeated prediction')} merged in silence, {same} with the same evidence; with us such a copy"
            " counts as predicted and matches nothing"
        )
    strange = sum(triple[0] not in inputs.names for triple in submitted)
    if strange:
        out.append(f"{many(strange, 'prediction')} for documents that gold does not have, lowering precision of relations only")
    for key, path in (("annotated", train_annotated), ("distant", train_distant)):
        if path:
            seen = _seen(inputs, right, _facts(Path(path)))
            both = f1(ratio(len(right) - seen, len(submitted) - seen), ratio(len(right) - seen, len(inputs.gold) - seen))
            out.append(
                f"Ign {key}: {many(seen, 'right prediction')} known from training left out of precision, but Ign recall is not"
                f" recomputed: {numbers[f'RE_ignore_{key}_F1']:.4f}, where leaving them out of both gives {both:.4f}"
            )
    if len(out) == 1:
        out.append("nothing on this input parts docred from ours")
    return out
