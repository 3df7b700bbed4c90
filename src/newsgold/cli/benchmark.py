"""``newsgold benchmark``: what is measured."""

from __future__ import annotations

import json
import math
import sys
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
    print_findings,
    print_json,
    say,
    scored,
    scores_table,
    table,
    whole,
)
from newsgold.errors import UsageError, has_errors, printable


@click.group()
def benchmark() -> None:
    """What is measured: run systems, score them, build the leaderboard."""


@benchmark.command()
@click.argument("system")
@click.option("--articles", type=PATH, default=CORPUS, show_default=True)
@click.option("--out", type=PATH, required=True, help="The JSONL file of predictions.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]))
def run(system: str, articles: Path, out: Path, split: str | None) -> None:
    """Run a system over articles and write its predictions."""
    from newsgold.benchmark.systems import find_system, predict
    from newsgold.corpus.codec import encode_jsonl, write_atomic
    from newsgold.corpus.store import read_articles

    found = find_system(system)
    texts = [a for a in whole(read_articles(articles)) if split is None or a.split == split]
    name = system if ":" not in system else system.rpartition(":")[2]
    with click.progressbar(length=len(texts), label=f"running {printable(name)}", file=sys.stderr) as bar:
        predictions = list(predict(found, texts, name=name, progress=lambda _: bar.update(1)))
    changed = write_atomic(out, encode_jsonl(predictions))
    click.echo(f"{'wrote' if changed else 'unchanged'} {out}: {len(predictions)} document(s)")


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
    result = run_score(gold, pred, allow_findings=allow_findings, bootstrap=resampling, train=train, **_scoring(chosen))
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
    given = {n for n in ours if context.get_parameter_source(n) is click.core.ParameterSource.COMMANDLINE}
    if given or context.get_parameter_source("gold") is not click.core.ParameterSource.COMMANDLINE:
        raise UsageError("--as PEER takes --gold FILE, --pred FILE, --option and --explain-difference, and nothing else")
    bad = [o for o in options if "=" not in o]
    if bad:
        raise UsageError(f"--option takes KEY=VALUE, not {bad[0]!r}")
    chosen = dict(o.split("=", 1) for o in options)
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
@click.option("--baselines", is_flag=True, help="Run the package's baselines afresh first.")
@click.option("--check", is_flag=True, help="Write nothing; fail if results and page are not what the submissions give.")
@as_json
def leaderboard(folder: Path, gold: Path, split: str, baselines: bool, check: bool, as_json: bool) -> None:
    """Rescore every submission and build the results and the page."""
    from newsgold.benchmark import leaderboard as board

    if baselines:
        for path in board.submit_baselines(folder, gold):
            click.echo(f"wrote {path}")
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
