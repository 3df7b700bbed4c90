"""Our own rows, made afresh: the baselines over a corpus, and the passes of its annotators, as submissions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from newsgold.benchmark.baselines import FITTED, SYSTEMS, Function, Pairs, card_of
from newsgold.benchmark.baselines.annotators import VERSION, Pass, submissions
from newsgold.benchmark.card import CARD, Maker, SystemCard, folder_of, write_submission
from newsgold.corpus.codec import encode_jsonl
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import Annotation, Article
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.errors import DataError, FileFault, UsageError, has_errors


def submit_baselines(
    benchmark: Path, gold: Path, *, heavy: bool = False, tell: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Run the package's baselines over the corpus and write them as submissions; the paths that changed.

    Args:
        benchmark: The folder of the benchmark room, which must be there.
        gold: The corpus: its articles are annotated, its gold outside ``test`` is learnt from.
        heavy: Train the heavy ones too.
        tell: Is told what is made or run, before it is.

    Raises:
        FileFault: there is no such folder, or a file cannot be read or written.
        DataError: there are errors in the articles, or in gold that is learnt from.
        UsageError: a heavy one needs an extra that is not installed. Nothing is written before all of those are made.
    """
    _check_folder(benchmark)
    decoded = read_articles(gold)
    if has_errors(decoded.findings):
        raise DataError(f"the articles of {gold} cannot all be read", decoded.findings)
    articles = [r.value for r in decoded.records]
    changed: list[Path] = []
    for card, function in list(_made(articles, gold, find_labels(None, gold), heavy, tell)):
        tell(f"running {card.name}")
        changed += write_submission(benchmark, card, encode_jsonl(_predictions(card.name, function, articles)))
    return changed


def _made(
    articles: Sequence[Article], gold: Path, labels: Labels, heavy: bool, tell: Callable[[str], None]
) -> Iterator[tuple[SystemCard, Function]]:
    for name, baseline in SYSTEMS.items():
        yield card_of(name), baseline.function
    pairs = _pairs(articles, gold)
    for name, fitted in FITTED.items():
        if fitted.extra and not heavy:
            continue
        allowed = [pair for pair in pairs if pair[0].split in fitted.splits]
        if fitted.extra and not allowed:
            splits = " or ".join(fitted.splits)
            raise UsageError(f"{name} has nothing to learn from: {gold} has no gold of the split {splits}")
        tell(f"making {name}")
        try:
            function = fitted.fit(allowed, labels)
        except ModuleNotFoundError as error:
            raise UsageError(f"{name} needs {error.name}: pip install 'newsgold[{fitted.extra}]'") from error
        yield card_of(name), function


def _pairs(articles: Sequence[Article], gold: Path) -> Pairs:
    decoded = read_annotations(gold)
    if has_errors(decoded.findings):
        raise DataError(f"the gold of {gold} cannot all be read", decoded.findings)
    by_id = {r.value.id: r.value for r in decoded.records}
    return [(a, by_id[a.id]) for a in articles if a.id in by_id and a.split != "test"]


def _predictions(name: str, function: Function, articles: Iterable[Article]) -> Iterator[Annotation]:
    for article in articles:
        yield msgspec.structs.replace(function(article), by=name, text_sha256=article.text_sha256)


def submit_annotators(benchmark: Path, passes: Iterable[Pass]) -> list[Path]:
    """Write the passes of annotators as submissions; the paths that changed.

    Who made the passes is kept from the card that is there, for nothing but a person can know it.
    Raises :class:`FileFault` where there is no benchmark folder, or an annotator's name cannot be a folder's.
    """
    _check_folder(benchmark)
    held = list(passes)
    stated = {p.annotator: _made_by(folder_of(benchmark, p.annotator, VERSION) / CARD) for p in held}
    changed: list[Path] = []
    for card, made in submissions(held, stated):
        changed += write_submission(benchmark, card, encode_jsonl(made))
    return changed


def _check_folder(benchmark: Path) -> None:
    if not benchmark.is_dir():
        raise FileFault(f"no benchmark folder {benchmark}: make it first, or check its name")


def _made_by(path: Path) -> Maker | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=SystemCard).made_by
    except (OSError, msgspec.DecodeError):
        return None
