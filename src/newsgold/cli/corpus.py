"""``newsgold corpus``: the dataset."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from newsgold.cli.output import (
    CORPUS,
    PATH,
    as_json,
    dash,
    judge,
    labels_option,
    print_findings,
    print_json,
    table,
)
from newsgold.errors import Role, UsageError, has_errors


@click.group()
def corpus() -> None:
    """The dataset: ingest, validate, count, build."""


@corpus.command()
@click.argument("files", nargs=-1, type=PATH)
@click.option("--check", is_flag=True, help="Write nothing; hold every article of --into against its raw file.")
@click.option("--into", type=PATH, default=CORPUS, show_default=True, help="The corpus folder.")
@click.option("--id", "name", help="The document's id (one file only); by default made from the title.")
@click.option("--origin", type=click.Choice(["seed", "written", "imported"]), default="imported", show_default=True)
@click.option("--split", type=click.Choice(["train", "validation", "test"]))
@click.option("--event", help="Articles on one event share its name.")
@click.option("--outlet", help="Who published it.")
@click.option("--published", help="When, as an ISO 8601 date.")
@click.option("--language", default="en", show_default=True)
def ingest(
    files: tuple[Path, ...],
    check: bool,
    into: Path,
    name: str | None,
    origin: str,
    split: str | None,
    event: str | None,
    outlet: str | None,
    published: str | None,
    language: str,
) -> None:
    """Turn raw text, HTML or JSONL files into articles; the raw bytes are kept."""
    from newsgold.corpus.ingest import check as run_check
    from newsgold.corpus.ingest import ingest as run_ingest

    if check == bool(files):
        raise UsageError("give files to ingest, or --check without files")
    if check:
        found = run_check(into)
        print_findings(found)
        judge(found)
        return
    done = run_ingest(
        list(files),
        into,
        id=name,
        origin=origin,
        split=split,
        event=event,
        outlet=outlet,
        published=published,
        language=language,
    )
    for path in done.changed:
        click.echo(f"wrote {path}")
    if not done.changed and not has_errors(done.findings):
        click.echo("nothing changed")
    print_findings(done.findings)
    judge(done.findings)


@corpus.command()
@click.argument("paths", nargs=-1, type=PATH)
@click.option("--role", type=click.Choice(["gold", "pass", "prediction"]), help="What to ask of the annotations.")
@click.option("--articles", type=PATH, help="Texts to hold the annotations against.")
@labels_option
@as_json
def validate(paths: tuple[Path, ...], role: str | None, articles: Path | None, labels: Path | None, as_json: bool) -> None:
    """Check articles and annotations; print every coded finding."""
    from newsgold.api import validate as run_validate

    found = run_validate(paths or (CORPUS,), role=cast("Role | None", role), articles=articles, labels=labels)
    if as_json:
        print_json([f._asdict() for f in found])
    else:
        print_findings(found)
    judge(found)


@corpus.command()
@click.argument("path", type=PATH, default=CORPUS)
@as_json
def stats(path: Path, as_json: bool) -> None:
    """Count documents, words, mentions, entities, relations and stances."""
    from newsgold.corpus.release import stats as count

    counts = count(path)
    if as_json:
        print_json(counts)
        return
    units = ("documents", "words", "mentions", "entities", "relations", "stances")
    groups = {"all": counts, **{f"split {k}": v for k, v in counts["by_split"].items()}}
    groups |= {f"origin {k}": v for k, v in counts["by_origin"].items()}
    click.echo(table([["", *units], *([name, *(dash(row[u]) for u in units)] for name, row in groups.items())]))
    for layer, numbers in counts["by_type"].items():
        click.echo(f"\n{layer}: " + ", ".join(f"{name} {n}" for name, n in numbers.items()))


@corpus.command()
@click.argument("path", type=PATH, default=CORPUS)
@click.option("--version", help="The version to give the release; by default the one in VERSION.")
@click.option("--out", type=PATH, help="Write the release to another folder.")
@click.option("--check", is_flag=True, help="Write nothing; fail if the committed release is not what the gold builds.")
@click.option("--verify", is_flag=True, help="Load the release back with datasets and hold every row against the gold.")
def build(path: Path, version: str | None, out: Path | None, check: bool, verify: bool) -> None:
    """Build the release: Parquet files, card, schemas, checksums."""
    from newsgold.corpus import release

    if check:
        found = [*release.check(path)]
        print_findings(found)
        judge(found)
        return
    built = release.build(path, version=version, out=out)
    print_findings(built.findings, err=True)
    for changed in built.changed:
        click.echo(f"wrote {changed}")
    click.echo(f"corpus {built.version}, sha256:{built.digest[:12]}, {len(built.changed)} file(s) changed")
    if verify:
        counts = release.load_back(out or path)
        rows = ", ".join(f"{config} {n}" for config, n in counts.items())
        click.echo(f"loaded back with datasets: {rows}; every row equals the gold")
