"""Models of transformers (token classification) and of GLiNER, as systems.

    hf:MODEL-OR-PATH        options map, aggregation, stride, device
    gliner:MODEL-OR-PATH    options map, ask, threshold, nested, device

No answer depends on how long the text is: one that is longer than the model takes is read in overlapping windows.
``HF_HUB_OFFLINE=1`` forbids every download.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from newsgold.benchmark.systems import Opened, Options, own_options
from newsgold.benchmark.systems.pipelines import Found, Pipeline, digest_of, given_types, library_of, loaded, number, opened, some
from newsgold.errors import UsageError, quote

if TYPE_CHECKING:
    from newsgold.corpus.labels import Labels

_AROUND_LABEL = 4
"""GLiNER puts the labels before the text: at most so many pieces of its own stand around each."""

_LEAST_ROOM = 16
"""Pieces of text that a window must hold for its answers to mean something."""


# ----------------------------------------------------------- transformers
def open_hf(place: str, options: Options, labels: Labels) -> Opened:
    """A token classification model of transformers with BIO or plain tags: a folder, or a name on the Hub.

    Options: ``map``; ``aggregation``, how pieces become words (``first``, ``average``, ``max`` or ``simple``);
    ``stride``, how many pieces two windows share (a quarter of a window); ``device``.

    Raises:
        UsageError: the extra is missing, the model cannot be loaded or has no trained head, its tokenizer knows no
            offsets, its tags are not BIO, or none of them is a type.
    """
    chosen = own_options(options, {"map": "", "aggregation": "first", "stride": "", "device": "cpu"}, "hf:")
    if chosen["aggregation"] not in ("first", "average", "max", "simple"):
        raise UsageError(f"no aggregation {quote(chosen['aggregation'])}; use first, average, max or simple")
    transformers = library_of("transformers", "hf")
    _hush()
    name, folder = f"hf:{place}", _folder(place)
    tokenizer = loaded(name, lambda: transformers.AutoTokenizer.from_pretrained(place))
    if not tokenizer.is_fast:
        raise UsageError(
            f"the tokenizer of {quote(name)} ({type(tokenizer).__name__}) is a slow one, which does not say where in the text"
            " its pieces stand; use a model with a fast tokenizer (a tokenizer.json beside its weights)"
        )
    model, loading = loaded(
        name, lambda: transformers.AutoModelForTokenClassification.from_pretrained(place, output_loading_info=True)
    )
    if loading["missing_keys"]:
        raise UsageError(
            f"{quote(name)} is no trained token classification model: {some(sorted(loading['missing_keys']))} not in its weights"
        )
    tags = [str(tag) for tag in model.config.id2label.values()]
    schemes = sorted({tag[:2] for tag in tags if tag[1:2] == "-"} - {"B-", "I-"})
    if schemes:
        raise UsageError(f"{quote(name)} has tags with {some(schemes)}; only BIO and plain tags can be put together")
    window = tokenizer.model_max_length = _window(tokenizer, model)
    stride = number(chosen["stride"] or str(window // 4), int, "stride")
    if not 0 <= stride < window - tokenizer.num_special_tokens_to_add():
        raise UsageError(f"the stride must be less than the {window} pieces that {quote(name)} reads at once, not {stride}")
    ask = loaded(
        name,
        lambda: transformers.pipeline(
            "token-classification",
            model=model,
            tokenizer=tokenizer,
            aggregation_strategy=chosen["aggregation"],
            stride=stride,
            device=chosen["device"],
        ),
    )

    def find(text: str) -> list[Found]:
        return [Found(int(e["start"]), int(e["end"]), str(e["entity_group"])) for e in (ask(text) if text.strip() else ())]

    digest = digest_of(folder) or getattr(model.config, "_commit_hash", None)
    known = tuple(dict.fromkeys(tag[2:] if tag[:2] in ("B-", "I-") else tag for tag in tags if tag != "O"))
    facts = {
        "library": f"transformers {transformers.__version__}",
        "digest": digest,
        "window": window,
        "stride": stride,
        **{key: chosen[key] for key in ("aggregation", "device")},
    }
    return opened("hf", place, Pipeline(find, known, (digest or "0")[:12], facts), given_types(chosen["map"], labels), labels)


def _window(tokenizer: Any, model: Any) -> int:
    """How many pieces the model reads at once; many a tokenizer does not say."""
    positions = int(getattr(model.config, "max_position_embeddings", 0) or 0)
    table = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    if padding is not None:
        positions -= padding + 1  # RoBERTa counts positions from there
    limits = [n for n in (int(tokenizer.model_max_length), positions) if 0 < n < 1_000_000]
    return min(limits, default=512)


# ----------------------------------------------------------------- GLiNER
def open_gliner(place: str, options: Options, labels: Labels) -> Opened:
    """A GLiNER model: a folder, or a name on the Hub.

    It is asked for the inventory's types: by their names in small letters (``ask=name``), by their definitions
    (``ask=definition``), or for the labels of ``map=nationality:NORP,city:GPE`` alone. Options besides:
    ``threshold`` (0.5), ``nested`` (``yes`` keeps mentions inside others), ``device``.

    Raises:
        UsageError: the extra is missing, the model cannot be loaded, or an option makes no sense.
    """
    known = {"map": "", "ask": "name", "threshold": "0.5", "nested": "no", "device": "cpu"}
    chosen = own_options(options, known, "gliner:")
    threshold = number(chosen["threshold"], float, "threshold")
    for key, allowed in (("ask", ("name", "definition")), ("nested", ("yes", "no"))):
        if chosen[key] not in allowed:
            raise UsageError(f"the option {key} is {' or '.join(allowed)}, not {quote(chosen[key])}")
    asked = {label: to for label, to in given_types(chosen["map"], labels).items() if to}
    if not asked:
        asked = {t.name.lower() if chosen["ask"] == "name" else t.definition: t.name for t in labels.types.values()}
    folder = _folder(place)
    library = library_of("gliner", "gliner")
    _hush()
    model = loaded(f"gliner:{place}", lambda: library.GLiNER.from_pretrained(place, map_location=chosen["device"]))

    room, flat = _room(list(asked), model), chosen["nested"] == "no"
    if room < _LEAST_ROOM:
        what = quote(f"gliner:{place}")
        raise UsageError(
            f"{len(asked)} labels leave no room for text in what {what} reads at once: ask for fewer, or shorter ones"
        )

    def find(text: str) -> Iterator[Found]:
        words = [(start, end) for _, start, end in model.data_processor.words_splitter(text)]
        reached = 0  # where the mentions of the windows before end
        for window in _windows(text, words, room, model):
            part = text[window.start : window.end]
            found = model.inference([part], list(asked), threshold=threshold, flat_ner=flat, batch_size=1)[0]
            shifted = [(e["start"] + window.start, e["end"] + window.start, str(e["label"])) for e in found]
            taken = [Found(*e) for e in shifted if window.first <= e[0] < window.last and not (flat and e[0] < reached)]
            yield from taken
            reached = max([reached, *(e.end for e in taken)])

    digest = digest_of(folder)
    facts = {
        "library": f"gliner {library.__version__}",
        "digest": digest,
        **{key: chosen[key] for key in ("ask", "threshold", "nested", "device")},
    }
    pipeline = Pipeline(find, tuple(asked), (digest or "0")[:12], facts)
    return opened("gliner", place, pipeline, asked, labels)


class _Reading(NamedTuple):
    """A window ``[start, end)`` of a text; what begins in ``[first, last)`` is taken from it."""

    start: int
    end: int
    first: int
    last: int


def _room(asked: Sequence[str], model: Any) -> int:
    """How many pieces of text the model reads at once: what is past its tokenizer's limit it cuts off in silence."""
    tokenizer = model.data_processor.transformer_tokenizer
    encoder = getattr(model.config, "encoder_config", None)
    limits = (int(tokenizer.model_max_length), int(getattr(encoder, "max_position_embeddings", 0) or 0))
    lead = sum(len(tokenizer.tokenize(label)) + _AROUND_LABEL for label in asked)
    return min((n for n in limits if 0 < n < 1_000_000), default=1_000_000) - lead


def _windows(text: str, words: Sequence[tuple[int, int]], room: int, model: Any) -> Iterator[_Reading]:
    """Windows of no more words than the model takes, and no more pieces than ``room``.

    Neighbours share a quarter of a window; what begins in its first half is taken from the former.
    """
    pieces = [0] * len(words)
    split = model.data_processor.transformer_tokenizer(
        [text[s:e] for s, e in words], is_split_into_words=True, add_special_tokens=False, truncation=False
    )
    for word in split.word_ids() if words else ():
        pieces[word] += 1
    first, begin = 0, 0
    while begin < len(words):
        end = _end(pieces, begin, int(model.config.max_len), room)
        step = max(begin + 1, end - (end - begin) // 4) if end < len(words) else len(words)
        border = words[(step + end) // 2][0] if end < len(words) else len(text)
        yield _Reading(words[begin][0], words[end - 1][1], first, border)
        first, begin = border, step


def _end(pieces: Sequence[int], begin: int, most_words: int, room: int) -> int:
    """The word after the last that fits into a window, which holds at least one."""
    end, taken = begin, 0
    while end < len(pieces) and end - begin < most_words and taken + pieces[end] <= room:
        taken += pieces[end]
        end += 1
    return max(end, begin + 1)


def _folder(place: str) -> Path | None:
    """The folder that ``place`` is, or ``None`` for a name on the Hub, which has no folder's form."""
    folder = Path(place)
    if folder.is_dir():
        return folder
    if place.startswith(("/", ".", "~")) or place.count("/") > 1:
        raise UsageError(f"there is no folder {quote(place)}")
    return None


def _hush() -> None:
    """No reports of transformers on the terminal: they show names from a model's files as they stand there."""
    logging = importlib.import_module("transformers.utils.logging")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
