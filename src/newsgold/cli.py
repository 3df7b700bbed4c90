"""The command line: ``newsgold <room> <verb>``.

Results go to stdout (``--json`` for machines), progress and messages to
stderr. The exit code is 0 if all is well, 1 for findings or a missed gate, 2 for
a wrong call, 3 where a file cannot be read or written, 130 after Ctrl-C. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import click

from newsgold import __version__
from newsgold.errors import DataError, Finding, NewsgoldError, Role, UsageError, count_codes, has_errors, printable

PATH = click.Path(path_type=Path)
CORPUS = Path("corpus")
SHOWN = 100
"""How many findings are printed where they are not the result of the command."""


def main() -> None:
    """Run the command and turn every outcome into its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        code = 2
    except DataError as error:
        _say(f"newsgold: {error.args[0]}")
        _findings(error.findings, err=True, most=SHOWN)
        code = error.exit_code
    except NewsgoldError as error:
        _say(f"newsgold: {printable(str(error))}")
        code = error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (KeyboardInterrupt, click.Abort):
        _say("newsgold: interrupted")
        code = 130
    except OSError as error:
        _say(f"newsgold: {printable(str(error))}")
        code = 3
    sys.exit(code if isinstance(code, int) else 0)


def _say(text: str) -> None:
    """A message for the person at the terminal."""
    click.echo(text, err=True)


def _findings(found: Iterable[Finding], *, err: bool = False, most: int | None = None) -> None:
    """Print findings, errors first where there are more than ``most``; the rest as numbers of their codes."""
    shown = list(found)
    left: list[Finding] = []
    if most is not None and len(shown) > most:
        shown.sort(key=lambda f: f.severity != "error")
        shown, left = shown[:most], shown[most:]
    for item in shown:
        click.echo(f"{item.severity}: {item}", err=err)
    if left:
        click.echo("and " + ", ".join(f"{n} more {code}" for code, n in count_codes(left).items()), err=err)


def _judge(found: Sequence[Finding]) -> None:
    """Print a summary of findings and end with 1 if any is an error."""
    errors = sum(f.severity == "error" for f in found)
    _say(f"{errors} error(s), {len(found) - errors} warning(s)")
    if errors:
        raise click.exceptions.Exit(1)


def _json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned columns: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


as_json = click.option("--json", "as_json", is_flag=True, help="Print for machines.")
labels_option = click.option("--labels", type=PATH, help="Another label inventory (TOML).")


def scored(command: Any) -> Any:
    """The options that say what is scored."""
    for option in (
        labels_option,
        click.option("--articles", type=PATH, help="Texts to check offsets against; by default those of the gold's corpus."),
        click.option("--kinds", help="Mention kinds that mentions.* compares, by default NAM,VAL."),
        click.option("--split", type=click.Choice(["train", "validation", "test"])),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="newsgold")
def cli() -> None:
    """An annotated news corpus and its benchmark."""


@cli.group()
def corpus() -> None:
    """The dataset: ingest, validate, count, build."""


@cli.group()
def annotation() -> None:
    """How gold is made: the bridge to Label Studio, agreement."""


@cli.group()
def benchmark() -> None:
    """What is measured: run systems, score them, build the leaderboard."""


# -------------------------------------------------------------------------- corpus


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
        _findings(found)
        _judge(found)
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
    _findings(done.findings)
    _judge(done.findings)


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
        _json([f._asdict() for f in found])
    else:
        _findings(found)
    _judge(found)


@corpus.command()
@click.argument("path", type=PATH, default=CORPUS)
@as_json
def stats(path: Path, as_json: bool) -> None:
    """Count documents, words, mentions, entities, relations and stances."""
    from newsgold.corpus.release import stats as count

    counts = count(path)
    if as_json:
        _json(counts)
        return
    units = ("documents", "words", "mentions", "entities", "relations", "stances")
    groups = {"all": counts, **{f"split {k}": v for k, v in counts["by_split"].items()}}
    groups |= {f"origin {k}": v for k, v in counts["by_origin"].items()}
    click.echo(_table([["", *units], *([name, *(_dash(row[u]) for u in units)] for name, row in groups.items())]))
    for layer, numbers in counts["by_type"].items():
        click.echo(f"\n{layer}: " + ", ".join(f"{name} {n}" for name, n in numbers.items()))


def _dash(value: object) -> str:
    return "–" if value is None else str(value)


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
        _findings(found)
        _judge(found)
        return
    built = release.build(path, version=version, out=out)
    _findings(built.findings, err=True)
    for changed in built.changed:
        click.echo(f"wrote {changed}")
    click.echo(f"corpus {built.version}, sha256:{built.digest[:12]}, {len(built.changed)} file(s) changed")
    if verify:
        counts = release.load_back(out or path)
        rows = ", ".join(f"{config} {n}" for config, n in counts.items())
        click.echo(f"loaded back with datasets: {rows}; every row equals the gold")


# ---------------------------------------------------------------------- annotation


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
    texts = _whole(read_articles(articles))
    chosen = annotations or predictions
    by_id: dict[str, list[Any]] = {}
    for item in _whole(read_annotations(chosen)) if chosen else ():
        by_id.setdefault(item.id, []).append(item)
    found: list[Finding] = []
    inventory = find_labels(labels, articles)
    made = list(make(texts, inventory, annotations=by_id, as_annotations=annotations is not None, report=found.append))
    data = json.dumps(made, ensure_ascii=False, indent=1).encode("utf-8") + b"\n"
    click.echo(f"wrote {out}" if write_atomic(out, data) else "nothing changed")
    _findings(found)
    _judge(found)


def _whole(decoded: Any) -> list[Any]:
    """The values of what was read, if all of it could be."""
    if has_errors(decoded.findings):
        raise DataError("not everything can be read", decoded.findings)
    return [r.value for r in decoded.records]


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
    texts = {a.id: a for a in _whole(read_articles(articles))}
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
        held = _whole(read_annotations(target)) if target.exists() else []
        merged = merge(held, own, path=str(target), accept_loss=accept_loss)
        found += merged.findings
        if merged.annotations:
            changed = write_atomic(target, encode_jsonl(merged.annotations))
            click.echo(f"{'wrote' if changed else 'unchanged'} {target}: {len(merged.annotations)} document(s)")
    for row in passes:
        if row.annotation is None or row.status == "draft":
            _say(f"{row.doc}: {row.annotator} {row.status}, not written")
    _findings(found)
    _judge(found)


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
        _findings(result.findings, err=True)
    if as_json:
        _json({name: result.to_dict() for name, result in pairs.items()})
        return
    for name, result in pairs.items():
        click.echo(f"{name}\n{result.signature}")
        click.echo(_scores(result.to_dict()["scores"]))


# ----------------------------------------------------------------------- benchmark


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
    texts = [a for a in _whole(read_articles(articles)) if split is None or a.split == split]
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
        _json(out)
    else:
        click.echo(f"{result.signature}\n{_scores(out['scores'])}")
        if errors is not None:
            click.echo(_errors(out["errors"]))
    _findings(result.findings, err=True, most=SHOWN)
    missed = [
        f"{key}.{part} = {value}, wanted {least}"
        for key, part, least in wanted
        if (value := _value(out, key, part)) is None or value < least
    ]
    for line in missed:
        _say(f"gate missed: {line}")
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
        _json({"peer": peer, "version": compat.PEERS[peer].version, "scores": numbers, "difference": why})
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
        _json(out)
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
        rows.append([key, *points, _interval(d["ci95"], sign="+"), *chances, least])
    return _table(rows)


def _interval(ci: list[float] | None, sign: str = "") -> str:
    return "–" if ci is None else f"[{100 * ci[0]:{sign}.1f}, {100 * ci[1]:{sign}.1f}]"


def _errors(found: dict[str, Any]) -> str:
    """Error classes of each layer with what mending each would give, and the items that were asked for."""
    rows = [["", "in gold", "predicted", "F1 if mended"]]
    items = []
    for key, layer in found.items():
        for name, c in layer["classes"].items():
            fixed = "–" if c["f1_if_fixed"] is None else f"{100 * c['f1_if_fixed']:.1f}"
            rows.append([f"{key}: {name}", str(c["gold"]), str(c["predicted"]), fixed])
        items += [printable(json.dumps({"key": key, **item}, ensure_ascii=False)) for item in layer["items"]]
    return "\n".join([_table(rows), *items])


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


def _scores(scores: dict[str, Any]) -> str:
    """Scores as a table in per cent, with their intervals and the counts behind them."""
    rows = [["", "P", "R", "F1", "95 %", "right/predicted", "found/gold"]]
    for key, s in scores.items():
        if s["kind"] != "prf":
            value = "–" if s["value"] is None else f"{100 * s['value']:.1f}"
            rows.append([key, "", "", value, _interval(s["ci95"]["value"]), f"of {s['n']}" if "n" in s else "mean", ""])
            continue
        c = s["counts"]
        parts = ["–" if s[p] is None else f"{100 * s[p]:.1f}" for p in ("precision", "recall", "f1")]
        counted = [f"{c['p_num']:.6g}/{c['p_den']:.6g}", f"{c['r_num']:.6g}/{c['r_den']:.6g}"]
        rows.append([key, *parts, _interval(s["ci95"]["f1"]), *counted])
    return _table(rows)


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
        _findings(found)
        _judge(found)
        return
    for path in board.write(folder, files):
        _say(f"wrote {path}")
    if as_json:
        click.echo(files["results/leaderboard.json"].decode("utf-8"), nl=False)
    else:
        click.echo(_table(board.text_table(entries)))
    for entry in entries:
        if entry.result is None:
            _findings(entry.findings, err=True)


if __name__ == "__main__":
    main()
