"""``newsgold benchmark``: what is measured."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from newsgold.cli.output import (
    CORPUS,
    PATH,
    SHOWN,
    as_json,
    interval,
    judge,
    labels_option,
    print_findings,
    print_json,
    say,
    scored,
    scores_table,
    table,
    whole,
)
from newsgold.cli.progress import rate_bar
from newsgold.errors import UsageError, has_errors, printable, quote

ROUNDS = Path("annotation/rounds")


@click.group()
def benchmark() -> None:
    """What is measured: run systems, score them, build the leaderboard."""


def _size(_context: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    """Bytes of a size such as 8M."""
    found = re.fullmatch(r"([1-9][0-9]{0,8})([kMG]?)", value or "1")
    if found is None:
        raise click.BadParameter(f"{printable(str(value))} is no size: give bytes, or a number with k, M or G, such as 8M")
    return None if value is None else int(found[1]) * {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}[found[2]]


def spread(command: Any) -> Any:
    """The options that say where work is done."""
    for option in (
        click.option("--workers", type=click.IntRange(min=1), help="Processes of --engine local; by default 1, this one."),
        click.option("--scheduler", metavar="tcp://HOST:PORT", help="The scheduler of --engine dask."),
        click.option("--engine", type=click.Choice(["local", "dask"]), default="local", show_default=True),
    ):
        command = option(command)
    return command


@contextlib.contextmanager
def _engine(chosen: dict[str, Any]) -> Iterator[Any]:
    """The engine that the options of ``spread`` name, which are taken away; ``None`` for this process."""
    kind, scheduler, workers = (chosen.pop(name) for name in ("engine", "scheduler", "workers"))
    if kind == "local" and scheduler is not None:
        raise UsageError("--scheduler belongs to --engine dask")
    if kind == "dask" and workers is not None:
        raise UsageError("--workers belongs to --engine local: Dask's scheduler knows its workers")
    if kind == "local" and (workers or 1) == 1:
        yield None
        return
    from newsgold.benchmark.engine import open_engine

    with open_engine(kind, workers=workers or 1, scheduler=scheduler) as engine:
        yield engine


@benchmark.command()
@click.argument("system")
@click.option("--articles", type=PATH, default=CORPUS, show_default=True)
@click.option("--out", type=PATH, required=True, help="The JSONL file of predictions; the record PRED.run.json goes beside it.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]))
@labels_option
@click.option("--cache", type=PATH, help="Where answers are kept; by default PRED.cache.sqlite beside --out.")
@click.option("--again", is_flag=True, help="Ask anew where the stored answer has errors.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds that a document may take; by default 120.")
@click.option("--retries", type=click.IntRange(min=0), help="How often a document is asked for again; by default 4.")
@click.option("--concurrency", type=click.IntRange(min=1), help="How many documents are asked for at once.")
@click.option("--sandbox", is_flag=True, help="Run a cmd: system under bubblewrap, without a network.")
@click.option("--memory", metavar="SIZE", callback=_size, help="What a cmd: system may take, such as 2G; by default 4G.")
@click.option("--max-bytes", metavar="SIZE", callback=_size, help="What an answer may have; by default 8M.")
@click.option("--option", "system_options", multiple=True, metavar="KEY=VALUE", help="An option of the system.")
@click.option("--name", help="The name that signs the predictions; by default the system's own.")
@click.option("--version", help="The system's version; by default its own.")
@spread
def run(
    system: str,
    articles: Path,
    out: Path,
    split: str | None,
    labels: Path | None,
    cache: Path | None,
    again: bool,
    system_options: tuple[str, ...],
    **chosen: Any,
) -> None:
    """Run a system over articles and write its predictions.

    SYSTEM is how it is reached: a baseline, python:MODULE:CALLABLE, file:PATH, "cmd:PROGRAM ARGS", http://…, spacy:PACKAGE,
    hf:MODEL, gliner:PATH, llm:MODEL, or a name that a package registers. Answers are kept as they come: a run that was
    interrupted goes on with the same command.
    """
    from newsgold.benchmark.answers import Against
    from newsgold.benchmark.run import run as run_system
    from newsgold.benchmark.systems import Options
    from newsgold.corpus.labels import find_labels
    from newsgold.corpus.model import DOCUMENT_ID
    from newsgold.corpus.store import find_kb, read_articles

    spreading = {key: chosen.pop(key) for key in ("engine", "scheduler", "workers")}
    own = {key: value for key in ("name", "version") if (value := chosen.pop(key)) is not None}
    if "name" in own and not DOCUMENT_ID.fullmatch(own["name"]):
        raise UsageError(f"--name {quote(own['name'])} is no name: names match {DOCUMENT_ID.pattern}")
    given = {key: value for key, value in chosen.items() if value is not None}
    reads = [articles, *filter(None, [labels]), *([Path(system[5:])] if system.startswith("file:") else [])]
    places: dict[str, Any] = {"cache": cache, "reads": reads, "again": again}
    options = Options(**given, configuration=_pairs(system_options))
    inventory = find_labels(labels, articles)
    texts = [a for a in whole(read_articles(articles)) if split is None or a.split == split]
    with _engine(spreading) as engine, contextlib.closing(_opened(engine, system, options, inventory)) as asked:
        opened = asked._replace(**own)
        for note in opened.notes:
            say(printable(note))
        against = Against(opened.name, inventory, find_kb(articles))
        with rate_bar(f"running {printable(opened.name)}", len(texts)) as step:
            try:
                ran = run_system(opened, texts, out, against, progress=lambda a: step(a.before), **places)
            except KeyboardInterrupt as stop:
                say(f"\n{printable(str(stop))}")
                raise
    totals = ran.record.totals
    print_findings(ran.findings, err=True)
    if totals.ungrounded:
        say(f"{totals.ungrounded:,} strings of the answers stand nowhere in their article and were left out")
    if totals.usage:
        say("used: " + printable(", ".join(f"{amount:,.6g} {name}" for name, amount in totals.usage.items())))
    kept = f", {totals.documents - totals.asked} asked for earlier" if totals.asked < totals.documents else ""
    done = f"{out}: {totals.written} of {totals.documents} document(s){kept}"
    stays = "; what stands there is left from an earlier run" if ran.record.predictions == "earlier" else ""
    click.echo(f"wrote {done}" if ran.written else f"nothing is written to {done}{stays}")
    if has_errors(ran.findings):
        raise click.exceptions.Exit(1)


def _opened(engine: Any, system: str, options: Any, labels: Any) -> Any:
    """A system, opened here or by the workers of an engine."""
    if engine is None:
        from newsgold.benchmark.systems import open_system

        return open_system(system, options, labels)
    from newsgold.benchmark.remote import open_on

    return open_on(engine, system, options, labels)


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    """The values of --option KEY=VALUE."""
    bad = [option for option in given if "=" not in option]
    if bad:
        raise UsageError(f"--option takes KEY=VALUE, not {bad[0]!r}")
    return dict(option.split("=", 1) for option in given)


@benchmark.command()
@click.option("--gold", type=PATH, default=CORPUS, show_default=True)
@click.option("--pred", type=PATH, required=True)
@scored
@click.option("--fail-under", "gates", multiple=True, metavar="KEY.PART=X", help="Exit 1 if lower: mentions.strict.f1=0.7.")
@click.option("--allow-findings", is_flag=True, help="Score even with errors; items at fault count and match nothing.")
@click.option("--bootstrap", type=click.IntRange(min=1), metavar="N", help="Intervals from N resamples, not linearised.")
@click.option("--seed", type=int, default=42, show_default=True, help="What the resamples depend on.")
@click.option("--train", type=PATH, help="Training annotations: relations.ign leaves out the facts they hold.")
@click.option("--errors", type=click.IntRange(min=0), metavar="N", help="Class every error, and show the first N of each class.")
@click.option("--ledger", type=PATH, help="Write the counts of every document to a Parquet file.")
@click.option("--as", "peer", metavar="PEER", help="Another scorer's own numbers from its own files: benchmark/compat.md.")
@click.option("--option", "peer_options", multiple=True, metavar="KEY=VALUE", help="An option of that scorer.")
@click.option("--explain-difference", "explain", is_flag=True, help="Say why that scorer differs from ours on these files.")
@spread
@as_json
@click.pass_context
def score(
    context: click.Context,
    /,
    gold: Path,
    pred: Path,
    gates: tuple[str, ...],
    allow_findings: bool,
    bootstrap: int | None,
    seed: int,
    train: Path | None,
    errors: int | None,
    ledger: Path | None,
    peer: str | None,
    peer_options: tuple[str, ...],
    explain: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Score predictions against gold: precision, recall and F1 of every layer, with 95 % intervals."""
    if peer is not None:
        _as_peer(context, peer, gold, pred, peer_options, explain=explain, as_json=as_json)
        return
    if peer_options or explain:
        raise UsageError("--option and --explain-difference belong to --as PEER")
    from newsgold.benchmark.score import Bootstrap
    from newsgold.benchmark.score import score as run_score

    wanted = [_gate(text) for text in gates]
    resampling = Bootstrap(bootstrap, seed) if bootstrap else None
    with _engine(chosen) as engine:
        if engine is not None and errors is not None:
            raise UsageError("--errors looks at items, in one process: leave out --engine and --workers")
        how = {"allow_findings": allow_findings, "bootstrap": resampling, "train": train, **_scoring(chosen)}
        result = run_score(gold, pred, **how) if engine is None else _score_on(engine, gold, pred, how)
    out = result.to_dict()
    if errors is not None:
        from newsgold.metrics import analysis

        out["errors"] = analysis.to_dict(analysis.analyse(result.evaluation), result.names, errors)
    if ledger is not None:
        from newsgold.metrics.ledger import Ledger, write_ledger

        write_ledger(Ledger(result.basis, result.names, result.events, result.measured), ledger)
    if as_json:
        print_json(out)
    else:
        click.echo(f"{result.signature}\n{scores_table(out['scores'])}")
        if errors is not None:
            click.echo(_errors(out["errors"]))
    print_findings(result.findings, err=True, most=SHOWN)
    missed = [
        f"{key}.{part} = {value}, wanted {least}"
        for key, part, least in wanted
        if (value := _value(out, key, part)) is None or value < least
    ]
    for line in missed:
        say(f"gate missed: {line}")
    if missed or has_errors(result.findings):
        raise click.exceptions.Exit(1)


def _score_on(engine: Any, gold: Path, pred: Path, how: dict[str, Any]) -> Any:
    from newsgold.benchmark.engine import score

    return score(engine, gold, pred, **how)


def _scoring(chosen: dict[str, Any]) -> dict[str, Any]:
    """The options that score and compare share, as their functions take them."""
    kinds = chosen.pop("kinds")
    return {**chosen, "kinds": tuple(kinds.split(",")) if kinds else None}


def _as_peer(
    context: click.Context, peer: str, gold: Path, pred: Path, options: tuple[str, ...], *, explain: bool, as_json: bool
) -> None:
    """Print a peer's numbers, and why they differ from ours."""
    from newsgold.metrics import compat

    ours = {"split", "kinds", "articles", "labels", "gates", "allow_findings", "bootstrap", "train", "errors", "ledger"}
    ours |= {"engine", "scheduler", "workers"}
    given = {n for n in ours if context.get_parameter_source(n) is click.core.ParameterSource.COMMANDLINE}
    if given or context.get_parameter_source("gold") is not click.core.ParameterSource.COMMANDLINE:
        raise UsageError("--as PEER takes --gold FILE, --pred FILE, --option and --explain-difference, and nothing else")
    chosen = _pairs(options)
    numbers = compat.score(peer, gold, pred, chosen)
    why = compat.explain(peer, gold, pred, chosen) if explain else []
    if as_json:
        print_json({"peer": peer, "version": compat.PEERS[peer].version, "scores": numbers, "difference": why})
        return
    report = compat.load(peer).report(numbers) if peer == "conlleval" else None
    lines = report if report is not None else [f"{name}\t{value:.6g}" for name, value in compat.rows(numbers)]
    for line in [*lines, *why]:
        click.echo(printable(line) if line in why else line)


@benchmark.command()
@click.option("--gold", type=PATH, default=CORPUS, show_default=True)
@click.option(
    "--pred", "preds", type=PATH, required=True, multiple=True, help="A system's predictions; the first is the reference."
)
@scored
@click.option("--resamples", type=click.IntRange(min=1), default=10_000, show_default=True)
@click.option("--seed", type=int, default=42, show_default=True, help="What the resamples depend on.")
@click.option("--test", type=click.Choice(["randomisation", "bootstrap"]), default="randomisation", show_default=True)
@as_json
def compare(gold: Path, preds: tuple[Path, ...], resamples: int, seed: int, test: Any, as_json: bool, **chosen: Any) -> None:
    """Compare systems with the first: paired differences, intervals, p-values, what the test set could detect."""
    from newsgold.benchmark.compare import compare as run_compare
    from newsgold.metrics.analysis import error_counts

    stems = [path.stem for path in preds]
    named = {str(path) if stems.count(path.stem) > 1 else path.stem: path for path in preds}
    if len(named) < len(preds):
        raise UsageError("the same predictions are given twice")
    found = run_compare(
        gold, named, resamples=resamples, seed=seed, test=test, errors=lambda r: error_counts(r.evaluation), **_scoring(chosen)
    )  # fmt: skip
    out = found.to_dict()
    if as_json:
        print_json(out)
        return
    click.echo(f"{out['signature']}\nreference: {out['reference']}")
    for name, system in out["systems"].items():
        if name != out["reference"]:
            click.echo(f"\n{name}\n{_differences(system['differences'])}")
        wrong = ", ".join(f"{kind} {n}" for kind, n in system["errors"].items() if n)
        click.echo(f"{name}: {wrong or 'no errors'}")


def _differences(found: dict[str, Any]) -> str:
    """Differences as a table in points, with intervals and p-values."""
    rows = [["", "difference", "95 %", "p", "p (Holm)", "detectable"]]
    for key, d in found.items():
        points = ["–" if v is None else f"{100 * v:+.1f}" for v in (d["delta"],)]
        chances = ["–" if v is None else f"{v:.4f}" for v in (d["p"], d["p_holm"])]
        least = "–" if d["detectable"] is None else f"{100 * d['detectable']:.1f}"
        rows.append([key, *points, interval(d["ci95"], sign="+"), *chances, least])
    return table(rows)


def _errors(found: dict[str, Any]) -> str:
    """Error classes of each layer with what mending each would give, and the items that were asked for."""
    rows = [["", "in gold", "predicted", "F1 if mended"]]
    items = []
    for key, layer in found.items():
        for name, c in layer["classes"].items():
            fixed = "–" if c["f1_if_fixed"] is None else f"{100 * c['f1_if_fixed']:.1f}"
            rows.append([f"{key}: {name}", str(c["gold"]), str(c["predicted"]), fixed])
        items += [printable(json.dumps({"key": key, **item}, ensure_ascii=False)) for item in layer["items"]]
    return "\n".join([table(rows), *items])


def _gate(text: str) -> tuple[str, str, float]:
    """(key, part, least value) of a gate such as mentions.strict.f1=0.7."""
    name, _, least = text.partition("=")
    key, _, part = name.rpartition(".")
    try:
        number = float(least)
    except ValueError:
        number = math.nan
    if part not in ("precision", "recall", "f1", "value") or not math.isfinite(number):
        raise UsageError(f"--fail-under takes KEY.PART=NUMBER, with PART precision, recall, f1 or value, not {text!r}")
    return key, part, number


def _value(out: dict[str, Any], key: str, part: str) -> float | None:
    if key not in out["scores"] or part not in out["scores"][key]:
        raise UsageError(f"no score {key}.{part}; there are {', '.join(out['scores'])}")
    value: float | None = out["scores"][key][part]
    return value


@benchmark.command()
@click.option("--old", required=True, help="The gold as it was: a folder, a release, a file, or git:TAG.")
@click.option("--new", default=str(CORPUS), show_default=True, help="The gold as it is.")
@click.option("--pred", "preds", type=PATH, multiple=True, help="A system's predictions; by default every submission.")
@click.option("--benchmark", "folder", type=PATH, default=Path("benchmark"), show_default=True)
@click.option("--split", type=click.Choice(["train", "validation", "test"]))
@click.option("--kinds", help="Mention kinds that mentions.* compares, by default NAM,VAL.")
@click.option("--allow-findings", is_flag=True, help="Score even with errors; items at fault count and match nothing.")
@as_json
def regrade(
    old: str, new: str, preds: tuple[Path, ...], folder: Path, allow_findings: bool, as_json: bool, **chosen: Any
) -> None:
    """What a change of the gold did to the scores of every submission."""
    from newsgold.benchmark.regrade import regrade as run_regrade

    paths = preds or sorted((folder / "submissions").glob("*/*/predictions.jsonl"))
    named = {str(path) if preds else " ".join(path.parts[-3:-1]): path for path in paths}
    if not named:
        raise UsageError(f"there are no submissions in {folder}: give --pred FILE")
    found = run_regrade(old, new, named, allow_findings=allow_findings, **_scoring(chosen)).to_dict()
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['documents']} document(s) in both, {found['apart']} in one alone; F1 or value in per cent")
    for name, system in found["systems"].items():
        rows = [["", "old", "new", "difference"]]
        for key, values in system["scores"].items():
            shown = ["–" if v is None else f"{100 * v:.1f}" for v in (values["old"], values["new"])]
            delta = values["delta"]
            rows.append([key, *shown, "–" if delta is None else f"{100 * delta:+.1f}"])
        click.echo(f"\n{printable(name)}\n{table(rows)}")


@benchmark.command()
@click.option("--benchmark", "folder", type=PATH, default=Path("benchmark"), show_default=True)
@click.option("--gold", type=PATH, default=CORPUS, show_default=True)
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True)
@click.option(
    "--baselines", type=click.Choice(["light", "all"]), is_flag=False, flag_value="light",
    help="Make our own rows afresh first: light ones and annotators, or with 'all' those that are trained too.",
)  # fmt: skip
@click.option("--rounds", type=PATH, help="Rounds of annotation for the annotators' rows; by default annotation/rounds if there.")
@click.option("--check", is_flag=True, help="Write nothing; fail if results and page are not what the submissions give.")
@as_json
def leaderboard(
    folder: Path, gold: Path, split: str, baselines: str | None, rounds: Path | None, check: bool, as_json: bool
) -> None:
    """Rescore every submission and build the results and the page."""
    from newsgold.benchmark import leaderboard as board

    if check and baselines:
        raise UsageError("--check writes nothing: leave --baselines out")
    if rounds is not None and not baselines:
        raise UsageError("--rounds belongs to --baselines")
    if baselines:
        for path in _own_rows(folder, gold, rounds, heavy=baselines == "all"):
            say(f"wrote {path}")
    entries = board.read_submissions(folder, gold, split=split)
    files = board.render(entries, board.about(gold, split))
    if check:
        found = board.check(folder, files)
        print_findings(found)
        judge(found)
        return
    for path in board.write(folder, files):
        say(f"wrote {path}")
    if as_json:
        click.echo(files["results/leaderboard.json"].decode("utf-8"), nl=False)
    else:
        click.echo(table(board.text_table(entries)))
    for entry in entries:
        if entry.result is None:
            print_findings(entry.findings, err=True)


def _own_rows(folder: Path, gold: Path, rounds: Path | None, *, heavy: bool) -> list[Path]:
    """Make the rows of baselines and annotators anew; the paths that changed."""
    from newsgold.benchmark.refresh import submit_annotators, submit_baselines
    from newsgold.cli.rounds import passes_of
    from newsgold.corpus.labels import find_labels
    from newsgold.corpus.store import read_articles

    changed = submit_baselines(folder, gold, heavy=heavy, tell=say if heavy else lambda _: None)
    if rounds is None and not ROUNDS.is_dir():
        return changed
    texts = {a.id: a for a in whole(read_articles(gold))}
    return changed + submit_annotators(folder, passes_of(rounds or ROUNDS, texts, find_labels(None, gold)))
