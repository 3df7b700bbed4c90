"""``newsgold corpus``: the dataset."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from newsgold.cli.output import (
    CORPUS,
    PATH,
    SHOWN,
    as_json,
    dash,
    judge,
    labels_option,
    print_findings,
    print_json,
    say,
    table,
)
from newsgold.errors import DataError, Role, UsageError, has_errors, printable

if TYPE_CHECKING:
    from newsgold.corpus.formats import Loss


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


@corpus.command("lint")
@click.argument("path", type=PATH, default=CORPUS)
@click.option("--articles", type=PATH, help="The texts, where PATH holds annotations alone.")
@click.option("--verdicts", type=PATH, help="TOML: what was decided about each suspect.")
@labels_option
@as_json
def lint_(path: Path, articles: Path | None, verdicts: Path | None, labels: Path | None, as_json: bool) -> None:
    """List suspects in gold, most suspicious first; end with 1 while one has no verdict."""
    from newsgold.corpus.formats.exchange import documents_at
    from newsgold.corpus.labels import find_labels
    from newsgold.corpus.lint import lint, read_known
    from newsgold.corpus.verdicts import judge as run_judge
    from newsgold.corpus.verdicts import read_verdicts

    places = (path, *([articles] if articles else []))
    inventory = find_labels(labels, *places)
    given = [] if verdicts is None else read_verdicts(verdicts)
    judged = run_judge(lint(documents_at(path, inventory, articles=articles), inventory, read_known(*places)), given)
    if as_json:
        rows = [{**s._asdict(), "verdict": v and {"decision": v.decision, "why": v.why}} for s, v in judged.rows]
        print_json({"suspects": rows, "findings": [f._asdict() for f in judged.findings]})
    else:
        for s, v in sorted(judged.rows, key=lambda row: row[1] is not None):
            click.echo(f"{s.score:.3f} {s.id} {s.code} {s.doc}:{s.line} [{s.start}, {s.end}) {s.what}")
            click.echo(f"    {printable(' '.join(s.sentence.split()))}")
            if v is not None:
                click.echo(f"    {v.decision}: {printable(v.why)}")
        print_findings(judged.findings)
    say(f"{len(judged.rows)} suspect(s), {judged.waiting} without a verdict, {len(judged.findings)} warning(s)")
    if judged.waiting:
        raise click.exceptions.Exit(1)


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
@click.option("--standoff", is_flag=True, help="Into --out, without the words of texts that may not be passed on.")
@click.option("--withhold", type=click.Choice(["train", "validation", "test"]), help="Into --out, without the gold of a split.")
@click.option("--sealed", type=PATH, help="Where the gold that is withheld goes, for the scorer; keep it to yourself.")
@click.option("--salt-file", "salt", type=PATH, help="64 hex digits; by default those of --sealed, or new ones.")
def build(
    path: Path,
    version: str | None,
    out: Path | None,
    check: bool,
    verify: bool,
    standoff: bool,
    withhold: str | None,
    sealed: Path | None,
    salt: Path | None,
) -> None:
    """Build the release: Parquet files, card, schemas, checksums."""
    from newsgold.cli.progress import progress_bar
    from newsgold.corpus import release

    if (withhold is None) != (sealed is None) or (salt is not None and sealed is None):
        raise UsageError("--withhold SPLIT and --sealed FILE belong together, and --salt-file to them")
    public = standoff or withhold is not None
    if public and (out is None or check or verify):
        raise UsageError("--standoff and --withhold write to --out, and go neither with --check nor with --verify")
    if check:
        found = [*release.check(path)]
        print_findings(found)
        judge(found)
        return
    if public:
        from newsgold.corpus.standoff import Seal, build_public

        seal = Seal(withhold, cast("Path", sealed), salt) if withhold is not None else None
        built = build_public(path, cast("Path", out), version=version, standoff=standoff, seal=seal)
    else:
        with progress_bar("building") as progress:
            built = release.build(path, version=version, out=out, progress=progress)
    print_findings(built.findings, err=True)
    for changed in built.changed:
        click.echo(f"wrote {changed}")
    click.echo(f"corpus {built.version}, sha256:{built.digest[:12]}, {len(built.changed)} file(s) changed")
    if verify:
        counts = release.load_back(out or path)
        rows = ", ".join(f"{config} {n}" for config, n in counts.items())
        click.echo(f"loaded back with datasets: {rows}; every row equals the gold")


@corpus.command()
@click.argument("old")
@click.argument("new", default=str(CORPUS))
@click.option("--write", "writing", is_flag=True, help="Put a draft of the next section into CHANGES.md of NEW, a corpus folder.")
@click.option("--version", help="The version of that section; by default the least that the changes demand.")
@click.option("--date", "day", help="Its day, as YYYY-MM-DD; by default today.")
@as_json
def diff(old: str, new: str, writing: bool, version: str | None, day: str | None, as_json: bool) -> None:
    """What changed between two states, per layer and document, and the version step it demands.

    OLD and NEW are corpus folders, releases, Parquet or JSONL files, or git:TAG of the repository that the other lies in.
    """
    from newsgold.corpus import versions

    if not writing and (version or day):
        raise UsageError("--version and --date belong to --write")
    if writing and not Path(new).is_dir():
        raise UsageError("--write needs a corpus folder as NEW")
    compared = versions.diff_places(old, new)
    if writing:
        path, changed = versions.write_changes(compared, Path(new), version=version, day=day)
        say(f"{'wrote' if changed else 'unchanged'} {path}")
    if as_json:
        print_json(compared.to_dict())
        return
    for line in versions.lines(compared):
        click.echo(line)


@corpus.command()
@click.argument("folder", type=PATH)
@click.option("--texts", type=PATH, multiple=True, required=True, help="Your copy: text files, JSONL of articles, or folders.")
@click.option("--out", type=PATH, help="Write the whole release to another folder.")
def hydrate(folder: Path, texts: tuple[Path, ...], out: Path | None) -> None:
    """Put texts back into a release that leaves them out, where they are proven to be the annotated ones."""
    from newsgold.corpus import standoff

    done = standoff.hydrate(folder, texts, out=out)
    for name in done.adjusted:
        say(f"{name}: proven with other line ends or blanks than the text that was given")
    click.echo(f"corpus {done.version}, sha256:{done.digest[:12]}, {done.texts} text(s) put back")


@corpus.command()
@click.argument("folder", type=PATH)
@click.option("--sealed", type=PATH, required=True, help="The sealed part that was written with it.")
def commitment(folder: Path, sealed: Path) -> None:
    """Check that sealed gold is what a public release committed to."""
    from newsgold.corpus import withheld

    done = withheld.check(sealed, folder)
    click.echo(f"sha256:{done.commitment}: the gold of {done.documents} document(s) of {done.split} is what was committed to")


@corpus.command()
@click.argument("path", default=str(CORPUS))
@click.option("--revision", help="A tag, a branch or a commit, for a dataset of the Hub.")
@as_json
def verify(path: str, revision: str | None, as_json: bool) -> None:
    """Prove a release, in a folder or on the Hub (org/name): every file, and the digest of the rows."""
    from newsgold.api import load
    from newsgold.corpus.verify import prove_rows

    try:
        release = load(path, revision=revision).release
        if release is None:
            raise UsageError(f"{path} is no release: it has no SHA256SUMS")
        prove_rows(release)
    except DataError as error:
        if as_json:
            print_json([f._asdict() for f in error.findings])
        else:
            print_findings(list(error.findings))
        judge(list(error.findings))
        return
    if as_json:
        print_json([])
        return
    click.echo(f"corpus {release.version}, sha256:{release.digest}: {len(release.sums)} files and the rows are right")


@corpus.command()
@click.option("--repo", required=True, help="The dataset on the Hub: org/name.")
@click.option("--path", type=PATH, default="dist/public", show_default=True, help="The release to send, as build --out made it.")
@click.option("--revision", default="main", show_default=True, help="The branch to commit to.")
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
def publish(repo: str, path: Path, revision: str, dry_run: bool) -> None:
    """Send a release to the Hugging Face Hub: one commit, every byte compared, then the tag.

    The token comes from HF_TOKEN, or from HF_OIDC_RESOURCE in a CI that the Hub trusts. A run that was cut is
    finished by running it again.
    """
    from newsgold.corpus import publish as room

    if dry_run:
        made = room.plan(path, repo, revision=revision)
        if not made.exists:
            click.echo(f"create {repo}")
        for name in made.send:
            click.echo(f"send {name}")
        for name in made.remove:
            click.echo(f"remove {name}")
        tag = f"{made.tag} is published" if made.tagged else f"tag {made.tag}"
        click.echo(f"{tag}, sha256:{made.digest[:12]}; {made.same} file(s) are there; nothing was changed")
        return
    done = room.publish(path, repo, revision=revision, say=lambda text: click.echo(text, err=True))
    at = f"{done.repo} {done.tag} is commit {done.commit}, sha256:{done.digest[:12]}"
    click.echo(f"{at}; {len(done.sent)} file(s) sent, all compared")


def _options(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [item.partition("=") for item in given]
    if any(not found for _, found, _ in pairs):
        raise UsageError("an option of a format is given as NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _print_losses(losses: Iterable[Loss]) -> None:
    for loss in losses:
        say(f"lost: {loss.n:,} {loss.what}: {loss.why}")


_format = click.option("--format", "name", required=True, help="Such as csv, conll or brat: see REFERENCE.md, Other formats.")
_format_options = click.option(
    "--option", "given", multiple=True, help="NAME=VALUE, an option of the format; several may be given."
)


@corpus.command()
@click.argument("path", type=PATH, default=CORPUS)
@_format
@click.option("--out", type=PATH, required=True, help="The file, or the folder, to write.")
@click.option("--articles", type=PATH, help="The texts, where PATH holds annotations alone.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]))
@_format_options
@click.option("--strict", is_flag=True, help="Write nothing and end with 1 if anything would be lost.")
@click.option("--force", is_flag=True, help="Write over other files.")
@labels_option
@as_json
def export(
    path: Path,
    name: str,
    out: Path,
    articles: Path | None,
    split: str | None,
    given: tuple[str, ...],
    strict: bool,
    force: bool,
    labels: Path | None,
    as_json: bool,
) -> None:
    """Write documents in a foreign format, and say what it cannot carry."""
    from newsgold.corpus.formats import export_documents
    from newsgold.corpus.formats.exchange import documents_at, place_export, tallies
    from newsgold.corpus.labels import find_labels

    inventory = find_labels(labels, path, *([articles] if articles else []))
    documents = documents_at(path, inventory, articles=articles, split=split)
    exported = export_documents(name, documents, inventory, **_options(given))
    _print_losses(exported.losses)
    refused = strict and bool(exported.losses)
    changed = [] if refused else place_export(exported, out, force=force)
    if as_json:
        print_json(
            {**tallies(documents), "losses": [loss._asdict() for loss in exported.losses], "changed": [*map(str, changed)]}
        )
    else:
        for target in changed[:SHOWN]:
            click.echo(f"wrote {target}")
        if len(changed) > SHOWN:
            click.echo(f"and {len(changed) - SHOWN} more")
    if refused:
        say("nothing was written")
        raise click.exceptions.Exit(1)


@corpus.command("import")
@click.argument("files", nargs=-1, type=PATH, required=True)
@_format
@click.option("--into", type=PATH, help="A corpus folder: articles and gold are written there.")
@click.option("--out", type=PATH, help="A JSONL file of annotations; the articles go beside it, NAME.articles.jsonl.")
@click.option("--map", "mapping", type=PATH, help="TOML that renames the file's labels.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]))
@click.option("--by", help="Whose annotation it is.")
@_format_options
@click.option("--force", is_flag=True, help="Write over other files of --out.")
@labels_option
@as_json
def import_(
    files: tuple[Path, ...],
    name: str,
    into: Path | None,
    out: Path | None,
    mapping: Path | None,
    split: str | None,
    by: str | None,
    given: tuple[str, ...],
    force: bool,
    labels: Path | None,
    as_json: bool,
) -> None:
    """Read documents from a foreign format; what is at fault is left out and named."""
    from newsgold.corpus.formats import import_files
    from newsgold.corpus.formats.exchange import place_corpus, place_file, tallies, terms_for

    place = into or out
    if place is None or (into is not None and out is not None):
        raise UsageError("say where to: --into CORPUS or --out FILE")
    imported = import_files(name, files, terms_for(place, labels=labels, mapping=mapping), **_options(given))
    if into is not None:
        placed = place_corpus(imported, into, split=split, by=by)
    else:
        placed = place_file(imported, place, split=split, by=by, force=force)
    found = [*imported.findings, *placed.findings]
    lost = [*imported.losses, *placed.losses]
    _print_losses(lost)
    if placed.singletons:
        say(f"{placed.singletons:,} mentions became entities of their own, as gold asks for")
    counts = tallies(imported.documents)
    if as_json:
        losses, findings = [loss._asdict() for loss in lost], [fault._asdict() for fault in found]
        changed = [*map(str, placed.changed)]
        print_json({**counts, "singletons": placed.singletons, "losses": losses, "findings": findings, "changed": changed})
    else:
        print_findings(found, most=SHOWN)
        click.echo(", ".join(f"{n:,} {what}" for what, n in counts.items()) + f"; {len(placed.changed)} file(s) changed")
    judge(found)
