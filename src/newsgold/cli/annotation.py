"""``newsgold annotation``: how gold is made."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsgold.cli.output import (
    CORPUS,
    PATH,
    SHOWN,
    as_json,
    judge,
    labels_option,
    print_findings,
    print_json,
    say,
    table,
    whole,
)
from newsgold.errors import DataError, Finding, UsageError, printable

if TYPE_CHECKING:
    from newsgold.annotation.agreement import Agreement
    from newsgold.annotation.intake import Written
    from newsgold.benchmark.systems import Opened


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
    from newsgold.annotation.intake import take_in
    from newsgold.corpus.labels import find_labels
    from newsgold.corpus.store import read_articles

    texts = {a.id: a for a in whole(read_articles(articles))}
    taken = take_in(exports, texts, find_labels(labels, articles), out, accept_loss=accept_loss)
    _print_files(taken.files)
    for row in taken.left_out:
        say(f"{row.doc}: {row.annotator} {row.status}, not written")
    print_findings(taken.findings)
    judge(taken.findings)


def _print_files(files: Iterable[Written]) -> None:
    for file in files:
        click.echo(f"{'wrote' if file.changed else 'unchanged'} {file.path}: {file.documents} document(s)")


_url = click.option("--url", required=True, help="The address of the Label Studio server.")


def _token() -> str:
    """The access token: from the environment only, for a command line shows in process lists."""
    token = os.environ.get("LABEL_STUDIO_API_KEY", "").strip()
    if not token:
        raise UsageError("set LABEL_STUDIO_API_KEY to an access token: in Label Studio under Account & Settings")
    return token


@annotation.command()
@_url
@click.option("--project", required=True, help="Title of the project.")
@click.option("--articles", type=PATH, default=CORPUS, show_default=True)
@click.option("--annotator", "annotators", multiple=True, help="A project of her own for each, PROJECT/ANNOTATOR; repeat it.")
@click.option("--predictions", type=PATH, help="Annotations to show as pre-annotations.")
@click.option("--annotations", type=PATH, help="Annotations to load as finished work, such as gold.")
@click.option("--instructions", type=PATH, help="Markdown or HTML for annotators; by default annotation/guidelines.md beside it.")
@labels_option
def push(
    url: str,
    project: str,
    articles: Path,
    annotators: tuple[str, ...],
    predictions: Path | None,
    annotations: Path | None,
    instructions: Path | None,
    labels: Path | None,
) -> None:
    """Bring articles to a Label Studio server; run again, it adds only what is missing."""
    from newsgold.annotation.by_document import annotations_at, articles_at
    from newsgold.annotation.push import push as run
    from newsgold.annotation.server import connect
    from newsgold.cli.progress import progress_bar
    from newsgold.corpus.codec import decode_text, read_bytes
    from newsgold.corpus.labels import find_labels

    token = _token()
    inventory = find_labels(labels, articles)
    rules = instructions or articles.absolute().parent / "annotation" / "guidelines.md"
    text = decode_text(read_bytes(rules), str(rules)) if instructions or rules.is_file() else ""
    if isinstance(text, Finding):
        raise DataError("the instructions cannot be used", [text])
    texts = articles_at(articles)
    guesses, passes = (annotations_at(path) if path else None for path in (predictions, annotations))
    with progress_bar("pushing") as progress:
        done = run(
            connect(url, token),
            texts,
            inventory,
            project=project,
            annotators=annotators,
            predictions=guesses,
            annotations=passes,
            instructions=text,
            progress=progress,
        )
    for title, number in done.projects.items():
        click.echo(f"{title}: {url.rstrip('/')}/projects/{number}")
    for what, counts in (("tasks", done.tasks), ("predictions", done.predictions), ("annotations", done.annotations)):
        shown = ", ".join(f"{counts[how]} {how}" for how in ("created", "found", "replaced") if counts[how])
        click.echo(f"{what}: {shown or 'none'}")
    print_findings(done.findings, most=SHOWN)
    judge(done.findings)


@annotation.command()
@_url
@click.option("--project", required=True, help="Title of the project; those of its annotators belong to it.")
@click.option("--articles", type=PATH, default=CORPUS, show_default=True)
@click.option("--out", type=PATH, required=True, help="Folder for the raw exports and one JSONL file an annotator.")
@click.option("--accept-loss", is_flag=True, help="Replace a pass even by one that holds fewer items; drop what was deleted.")
@labels_option
def pull(url: str, project: str, articles: Path, out: Path, accept_loss: bool, labels: Path | None) -> None:
    """Fetch what was labelled on a Label Studio server since the last time, one file an annotator."""
    from newsgold.annotation.by_document import articles_at
    from newsgold.annotation.pull import pull as run
    from newsgold.annotation.server import connect
    from newsgold.cli.progress import progress_bar
    from newsgold.corpus.labels import find_labels

    token = _token()
    inventory = find_labels(labels, articles)
    texts = articles_at(articles)
    with progress_bar("pulling") as progress:
        done = run(
            connect(url, token),
            texts,
            inventory,
            project=project,
            out=out,
            accept_loss=accept_loss,
            progress=progress,
        )
    click.echo(f"fetched {done.fetched} task(s) of {', '.join(done.projects)}")
    _print_files(done.files)
    for (name, status), number in sorted(done.passes.items()):
        click.echo(f"{name}: {number} {status}")
    print_findings(done.findings, most=SHOWN)
    judge(done.findings)


@annotation.command()
@click.argument("system")
@click.option("--port", type=click.IntRange(0, 65535), default=9090, show_default=True, help="Of 127.0.0.1; 0 takes a free one.")
@click.option("--layers", default="mentions,entities,stances", show_default=True, help="What is shown of the system's answer.")
@click.option("--with-relations", is_flag=True, help="Show relations as well, although they bias gold.")
@click.option("--articles", type=PATH, help="Articles whose regions and metadata the system is to see, not the text alone.")
@labels_option
def serve(system: str, port: int, layers: str, with_relations: bool, articles: Path | None, labels: Path | None) -> None:
    """Pre-annotate from Label Studio: serve SYSTEM as its machine learning backend.

    SYSTEM is named as for newsgold benchmark run. Label Studio must run on this machine and may reach it only if
    LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS=0 stands in its environment, which lets it reach every address of your network.
    It waits 100 s for all the tasks asked for together: run a slow system beforehand, and push its predictions.

    Relations are left out unless --with-relations is given: of the 3,308 that annotators found from scratch in 96 documents
    of DocRED, those who revised a machine's proposals kept 1,214 (recall 36.7 %).
    """
    from newsgold.annotation.backend import Offer, application, check_layers, model_version
    from newsgold.annotation.backend import serve as listen
    from newsgold.annotation.label_config import config_digest
    from newsgold.benchmark.answers import Against
    from newsgold.benchmark.run import predict
    from newsgold.benchmark.systems import Options, open_system
    from newsgold.corpus.labels import find_labels
    from newsgold.corpus.model import Annotation, Article
    from newsgold.corpus.store import read_articles

    chosen = check_layers([name.strip() for name in layers.split(",") if name.strip()], with_relations=with_relations)
    inventory = find_labels(labels, articles or CORPUS)
    known = {a.id: a for a in whole(read_articles(articles))} if articles else {}
    opened = open_system(system, Options(), inventory)
    for note in opened.notes:
        say(printable(note))

    def extract(article: Article) -> Annotation:
        return next(predict([article], opened, Against(opened.name, inventory)))

    version = model_version(opened.name, _made_of(opened), ",".join(chosen).encode(), config_digest(inventory).encode())
    app = application(Offer(extract, inventory, version, chosen, known), say)
    with contextlib.closing(opened):
        listen(app, port=port, started=lambda url: say(f"{version} ({', '.join(chosen)}) at {url}; Ctrl-C ends it"))


def _made_of(opened: Opened) -> bytes:
    """What is known of what a system's answers depend on."""
    import msgspec

    from newsgold import __version__

    return msgspec.json.encode([opened.version, opened.configuration, opened.prompt, __version__])


@annotation.command()
@click.argument("passes", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, help="Folder for agreement.json and the report, agreement.html.")
@click.option("--articles", type=PATH, help="Texts: offsets are checked against them, and unitizing alpha knows their length.")
@click.option("--kinds", help="Mention kinds that mentions.* compares, by default all.")
@click.option(
    "--bootstrap", "resamples", type=click.IntRange(0), default=1000, show_default=True, help="Resamples for intervals; 0: none."
)
@click.option("--seed", type=int, default=42, show_default=True, help="What the resamples depend on.")
@click.option("--by-event", is_flag=True, help="Resample events, not documents: wider, for articles on one event go together.")
@click.option("--gamma", is_flag=True, help="Compute gamma of mentions too (the extra gamma; up to two minutes).")
@click.option(
    "--url", help="A running Label Studio: link disagreements to their tasks, where a raw export beside the passes names them."
)
@labels_option
@as_json
def agree(
    passes: tuple[Path, ...],
    out: Path | None,
    articles: Path | None,
    kinds: str | None,
    resamples: int,
    seed: int,
    by_event: bool,
    gamma: bool,
    url: str | None,
    labels: Path | None,
    as_json: bool,
) -> None:
    """Agreement of any number of annotators, layer by layer, with intervals, and where they disagree."""
    from newsgold.annotation.agreement import agree as run
    from newsgold.annotation.disagreements import disagreements, task_links

    if gamma:
        from newsgold.annotation.gamma import gamma as compute
    links = task_links(passes, url) if url else {}
    chosen = kinds.split(",") if kinds else None
    result = run(
        passes,
        kinds=chosen,
        labels=labels,
        articles=articles,
        resamples=resamples,
        seed=seed,
        by_event=by_event,
        gamma=compute if gamma else None,
    )
    print_findings(result.passes.findings, err=True)
    if url and not links:
        say("no task is known: links need the folder raw that `annotation pull` writes beside the passes")
    if out is not None or as_json:
        from newsgold.annotation.report import report
        from newsgold.corpus.codec import write_atomic

        found = disagreements(result.passes, result.labels, result.kinds, links)
        value = {**result.to_dict(), "disagreements": [d.to_dict() for d in found]}
        if out is not None:
            data = json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8") + b"\n"
            for path, content in (
                (out / "agreement.json", data),
                (out / "agreement.html", report(result, found).encode("utf-8")),
            ):
                say(f"{'wrote' if write_atomic(path, content) else 'unchanged'} {path}")
        if as_json:
            print_json(value)
            return
    _print_agreement(result)


def _print_agreement(result: Agreement) -> None:
    """Print figures as tables: of all annotators, and of each pair where there are more than two."""
    from newsgold.annotation.agreement import SHOWN as KEYS
    from newsgold.annotation.agreement import reasons

    click.echo(printable(result.signature))
    who = [f"{printable(name)} ({len(batch.names)})" for name, batch in result.passes.annotators]
    click.echo(f"{len(who)} annotators and the documents of each: {', '.join(who)}; {len(result.passes.documents)} in all")
    tables = {"all": {key: result.pooled[key] for key in KEYS if key in result.pooled}}
    if len(result.pairs) > 1:
        tables |= {f"{printable(name)}, {pair.documents} documents": result.figures(name) for name, pair in result.pairs.items()}
    for title, figures in tables.items():
        rows = [[title, "value", "95 %", "documents", "items"]]
        for key, f in figures.items():
            ci = "–" if f.ci95 is None else f"[{f.ci95[0]:.3f}, {f.ci95[1]:.3f}]"
            rows.append([key, "–" if f.value is None else f"{f.value:.3f}", ci, str(f.documents), f"{f.n:.6g}"])
        click.echo("\n" + table(rows))
    for note in (*reasons(tables["all"].values()), *result.notes):
        say(note)


@annotation.command()
@click.argument("passes", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder for disputes and tasks; with --decided, for records and gold.")
@click.option("--articles", type=PATH, default=CORPUS, show_default=True)
@click.option("--decided", type=PATH, multiple=True, help="The adjudicator's export, JSONL, or the folder that pull wrote.")
@click.option("--decisions", type=PATH, multiple=True, help="Reasons: a TOML or JSON file, or a record made before.")
@click.option("--gold", type=PATH, help="Corpus in whose folder gold the gold is written, instead of OUT/gold.")
@click.option("--round", "round_name", default="", help="The round's name in the records; by default that of OUT.")
@click.option("--adjudicator", help="Who decided, as the records are to say.")
@click.option("--guidelines", help="Version of the guidelines, as the records are to say.")
@click.option("--force", is_flag=True, help="Replace gold files and records that differ.")
@click.option("--url", help="A Label Studio server to push the disputed documents to; token from LABEL_STUDIO_API_KEY.")
@click.option("--project", help="The round's project there; the disputes go to PROJECT/adjudication.")
@labels_option
def adjudicate(
    passes: tuple[Path, ...],
    out: Path,
    articles: Path,
    decided: tuple[Path, ...],
    decisions: tuple[Path, ...],
    gold: Path | None,
    round_name: str,
    adjudicator: str | None,
    guidelines: str | None,
    force: bool,
    url: str | None,
    project: str | None,
    labels: Path | None,
) -> None:
    """Merge passes: what all have is accepted, the rest is written out to be decided; with --decided, make gold of it."""
    from collections import Counter

    from newsgold.annotation.adjudication import conclude, merge_rows, read_rows, write_disputes
    from newsgold.annotation.records import collect
    from newsgold.corpus.labels import find_labels
    from newsgold.corpus.store import find_kb, read_articles

    if bool(url) != bool(project):
        raise UsageError("--url and --project go together")
    if url and decided:
        raise UsageError("give --url to push the disputes, or --decided to read what was decided, not both")
    if not decided and (decisions or gold or force):
        raise UsageError("--decisions, --gold and --force need --decided")
    inventory = find_labels(labels, articles)
    texts = {a.id: a for a in whole(read_articles(articles))}
    kb = find_kb(articles)
    merges = merge_rows(read_rows(passes, texts, inventory, kb), texts, inventory)
    found = list(merges.findings)
    for doc, one in merges.merges.items():
        numbers = ", ".join(f"{n} {layer}" for layer, n in Counter(d.layer for d in one.disputes).items()) or "none"
        say(f"{doc}: {', '.join(one.passes)}; disputes: {numbers}")
    if decided:
        rows = read_rows(decided, texts, inventory, kb)
        notes = {doc: (had[0].path, had[0].note) for doc, had in rows.rows.items() if len(had) == 1}
        done = conclude(
            merges,
            rows,
            collect(decisions, notes),
            inventory,
            out=out,
            corpus=gold,
            round_name=round_name,
            adjudicator=adjudicator,
            guidelines=guidelines,
            force=force,
            kb=kb,
        )
        found += done.findings
        written = done.written
        say(f"{len(done.settled)} of {len(merges.merges)} document(s) settled")
    else:
        written = write_disputes(merges.merges, inventory, out)
    for path in written:
        click.echo(f"wrote {path}")
    if not written:
        click.echo("nothing changed")
    if url and project:
        found += _push_disputes(merges, inventory, url, project)
    print_findings(found)
    judge(found)


def _push_disputes(merges: Any, inventory: Any, url: str, project: str) -> list[Finding]:
    import os

    from newsgold.annotation.adjudication import instructions
    from newsgold.annotation.merging import versions
    from newsgold.annotation.push import push
    from newsgold.annotation.server import connect

    disputed = {doc: one for doc, one in merges.merges.items() if one.disputes}
    server = connect(url, os.environ.get("LABEL_STUDIO_API_KEY", ""))
    title = f"{project}/adjudication"
    done = push(
        server,
        [one.article for one in disputed.values()],
        inventory,
        project=title,
        predictions={doc: versions(one) for doc, one in disputed.items()},
        instructions=instructions(disputed.values()),
    )
    click.echo(f"{len(disputed)} document(s) in the project {title}")
    return list(done.findings)
