"""``newsgold annotation``: how gold is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from newsgold.cli.output import (
    CORPUS,
    PATH,
    as_json,
    judge,
    labels_option,
    print_findings,
    print_json,
    say,
    scores_table,
    whole,
)
from newsgold.errors import Finding, UsageError


@click.group()
def annotation() -> None:
    """How gold is made: the bridge to Label Studio, agreement."""


@annotation.command()
@click.option("--out", type=PATH, help="Where to write it; by default stdout.")
@labels_option
def config(out: Path | None, labels: Path | None) -> None:
    """Write the Label Studio labelling configuration that the inventory gives."""
    from newsgold.annotation.label_studio import config as render
    from newsgold.corpus.codec import write_atomic
    from newsgold.corpus.labels import find_labels

    data = render(find_labels(labels, CORPUS))
    if out is None:
        click.echo(data.decode("utf-8"), nl=False)
    else:
        click.echo(f"wrote {out}" if write_atomic(out, data) else "nothing changed")


@annotation.command()
@click.option("--articles", type=PATH, default=CORPUS, show_default=True)
@click.option("--out", type=PATH, required=True, help="The file to import in Label Studio.")
@click.option("--predictions", type=PATH, help="Annotations to show as pre-annotations.")
@click.option("--annotations", type=PATH, help="Annotations to load as finished work, such as gold.")
@labels_option
def tasks(articles: Path, out: Path, predictions: Path | None, annotations: Path | None, labels: Path | None) -> None:
    """Write articles as Label Studio tasks, with or without annotations."""
    from newsgold.annotation.label_studio import tasks as make
    from newsgold.corpus.codec import write_atomic
    from newsgold.corpus.labels import find_labels
    from newsgold.corpus.store import read_annotations, read_articles

    if predictions and annotations:
        raise UsageError("give --predictions or --annotations, not both")
    texts = whole(read_articles(articles))
    chosen = annotations or predictions
    by_id: dict[str, list[Any]] = {}
    for item in whole(read_annotations(chosen)) if chosen else ():
        by_id.setdefault(item.id, []).append(item)
    found: list[Finding] = []
    inventory = find_labels(labels, articles)
    made = list(make(texts, inventory, annotations=by_id, as_annotations=annotations is not None, report=found.append))
    data = json.dumps(made, ensure_ascii=False, indent=1).encode("utf-8") + b"\n"
    click.echo(f"wrote {out}" if write_atomic(out, data) else "nothing changed")
    print_findings(found)
    judge(found)


@annotation.command("import")
@click.argument("exports", nargs=-1, required=True, type=PATH)
@click.option("--articles", type=PATH, default=CORPUS, show_default=True)
@click.option("--out", type=PATH, required=True, help="Folder for one JSONL file an annotator; other documents in it are kept.")
@click.option("--accept-loss", is_flag=True, help="Replace a pass even by one that holds fewer items.")
@labels_option
def import_(exports: tuple[Path, ...], articles: Path, out: Path, accept_loss: bool, labels: Path | None) -> None:
    """Turn Label Studio's JSON exports into annotations, one file an annotator."""
    from newsgold.annotation.label_studio import Pass, import_export, merge
    from newsgold.corpus.codec import encode_jsonl, write_atomic
    from newsgold.corpus.labels import find_labels
    from newsgold.corpus.store import read_annotations, read_articles

    inventory = find_labels(labels, articles)
    texts = {a.id: a for a in whole(read_articles(articles))}
    found: list[Finding] = []
    passes: list[Pass] = []
    for path in exports:
        done = import_export(path, texts, inventory)
        passes += done.passes
        found += done.findings
    by_annotator: dict[str, list[Any]] = {}
    for row in passes:
        if row.annotation is not None and row.status != "draft":
            by_annotator.setdefault(row.annotator, []).append(row.annotation)
    for name, own in by_annotator.items():
        target = out / f"{name}.jsonl"
        held = whole(read_annotations(target)) if target.exists() else []
        merged = merge(held, own, path=str(target), accept_loss=accept_loss)
        found += merged.findings
        if merged.annotations:
            changed = write_atomic(target, encode_jsonl(merged.annotations))
            click.echo(f"{'wrote' if changed else 'unchanged'} {target}: {len(merged.annotations)} document(s)")
    for row in passes:
        if row.annotation is None or row.status == "draft":
            say(f"{row.doc}: {row.annotator} {row.status}, not written")
    print_findings(found)
    judge(found)


@annotation.command()
@click.argument("passes", nargs=-1, required=True, type=PATH)
@click.option("--kinds", help="Mention kinds that mentions.* compares, by default all.")
@labels_option
@as_json
def agree(passes: tuple[Path, ...], kinds: str | None, labels: Path | None, as_json: bool) -> None:
    """Agreement between passes, pair by pair: the same computation as scoring."""
    from itertools import combinations

    from newsgold.benchmark.score import score as run_score
    from newsgold.corpus.labels import find_labels

    if len(passes) < 2:
        raise UsageError("agreement needs two passes or more")
    inventory = find_labels(labels, *passes)
    chosen = kinds.split(",") if kinds else tuple(inventory.kinds)
    stems = [path.stem for path in passes]
    names = {path: str(path) if stems.count(path.stem) > 1 else path.stem for path in passes}
    pairs = {f"{names[a]} × {names[b]}": run_score(a, b, kinds=chosen, labels=inventory) for a, b in combinations(passes, 2)}
    for result in pairs.values():
        print_findings(result.findings, err=True)
    if as_json:
        print_json({name: result.to_dict() for name, result in pairs.items()})
        return
    for name, result in pairs.items():
        click.echo(f"{name}\n{result.signature}")
        click.echo(scores_table(result.to_dict()["scores"]))
