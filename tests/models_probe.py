"""Tiny models of transformers and GLiNER, made on the spot and run through our adapters: run in a venv that has both.

python models_probe.py FOLDER    make the models in FOLDER, run them, print as JSON what came of it
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from newsgold.benchmark.systems import Options, SystemFailure, open_system
from newsgold.benchmark.systems.models import _room, _windows
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Article
from newsgold.errors import UsageError

LABELS = default_labels()
LINE = "Mayor \U0001f3db Maradan visited Tessen\u2019s caf\u00e9 \u00dcnsal,\r\n"
SHORT, LONG = LINE * 2, LINE * 330
"""Long: 330 lines of 8 words or signs, far more than any of the models reads at once."""
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TAGS = {"mara": "B-PER", "##dan": "I-PER", "tessen": "B-LOC", "unsal": "B-MISC"}
PIECES = [*SPECIAL, "mayor", "visit", "##ed", "cafe", "’", "s", ",", *TAGS]


def article(text: str) -> Article:
    return Article(id="a", title="t", text=text, language="en", text_sha256="0" * 64)


def seen(name: str, text: str, **options: str) -> dict[str, Any]:
    """What comes of a system and a text: mentions, or the error."""
    try:
        opened = open_system(name, Options(configuration=options), LABELS)
        answer = opened.answer(article(text))
    except (UsageError, SystemFailure) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    mentions = [(m.start, m.end, m.type, m.kind, m.text) for m in answer.annotation.mentions or ()]
    known = {"name": opened.name, "version": opened.version, "configuration": opened.configuration, "notes": opened.notes}
    return {"mentions": mentions, "usage": dict(answer.usage), **known}


def word_pieces(folder: Path, **more: int) -> Any:
    """A fast tokenizer that lowers case and strips accents, as BERT's does."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece({p: n for n, p in enumerate(PIECES)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names, **more)
    fast.save_pretrained(folder)
    return fast


def small(**more: Any) -> dict[str, Any]:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    return {"vocab_size": len(PIECES), "max_position_embeddings": 40, **sizes, **more}


def known_answers(folder: Path, tags: list[str]) -> None:
    """A BERT whose weights are set by hand: a piece has the tag that :data:`TAGS` gives it, whatever stands around it."""
    import torch
    from transformers import BertConfig, BertForTokenClassification

    config = BertConfig(**small(id2label=dict(enumerate(tags)), label2id={t: n for n, t in enumerate(tags)}))
    model = BertForTokenClassification(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.fill_(1.0 if name.endswith("LayerNorm.weight") else 0.0)
        for n, piece in enumerate(PIECES):
            model.bert.embeddings.word_embeddings.weight[n, tags.index(TAGS.get(piece, "O"))] = 4.0
        model.classifier.weight.copy_(torch.eye(len(tags), 8))
    model.save_pretrained(folder)
    word_pieces(folder)


def roberta(folder: Path, tags: list[str]) -> None:
    """A RoBERTa of chance weights with byte pieces, whose tokenizer does not say how much the model reads."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForTokenClassification, set_seed

    set_seed(1)
    pieces = ByteLevelBPETokenizer()
    pieces.train_from_iterator([LONG], vocab_size=300, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    raw = pieces._tokenizer
    fast = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>", cls_token="<s>"
    )
    fast.save_pretrained(folder)
    sizes = small(vocab_size=raw.get_vocab_size(), max_position_embeddings=42, pad_token_id=1)
    RobertaForTokenClassification(RobertaConfig(**sizes, id2label=dict(enumerate(tags)))).save_pretrained(folder)


def slow(folder: Path) -> None:
    from transformers import CanineConfig, CanineForTokenClassification, CanineTokenizer

    CanineTokenizer().save_pretrained(folder)
    CanineForTokenClassification(CanineConfig(hidden_size=8, num_attention_heads=1, num_hidden_layers=1)).save_pretrained(folder)


def headless(folder: Path) -> None:
    from transformers import BertConfig, BertModel

    BertModel(BertConfig(**small())).save_pretrained(folder)
    word_pieces(folder)


def gliner(folder: Path, *, words: int, pieces: int) -> None:
    """A GLiNER of chance weights that reads so many words and pieces at once."""
    from gliner import GLiNER, GLiNERConfig
    from transformers import set_seed

    set_seed(3)
    place = folder / "tokenizer"
    word_pieces(place, model_max_length=pieces)
    encoder = {"model_type": "bert", **small(max_position_embeddings=pieces)}
    config = GLiNERConfig(
        model_name=str(place),
        encoder_config=encoder,
        hidden_size=8,
        max_len=words,
        max_width=3,
        span_mode="markerV0",
        has_rnn=False,
    )
    GLiNER.from_config(config, backbone_from_pretrained=False).save_pretrained(folder)


def direct(folder: Path, text: str) -> list[Any]:
    """What the library says by itself, asked for our types."""
    from gliner import GLiNER

    names = {t.lower(): t for t in LABELS.types}
    found = GLiNER.from_pretrained(str(folder)).predict_entities(text, list(names), threshold=0.5)
    return sorted([e["start"], e["end"], names[e["label"]], e["text"]] for e in found)


def windows(folder: Path, text: str, asked: list[str]) -> dict[str, Any]:
    """The windows that a text is read in, and how many pieces the library itself makes of the longest, nothing cut off."""
    from gliner import GLiNER

    model: Any = GLiNER.from_pretrained(str(folder))
    processor, tokenizer = model.data_processor, model.data_processor.transformer_tokenizer
    found = [*processor.words_splitter(text)]
    read = list(_windows(text, [(start, end) for _, start, end in found], _room(asked, model), model))
    lengths = []
    for window in read:
        words = [word for word, start, end in found if window.start <= start and end <= window.end]
        whole, _ = processor.prepare_inputs([words], asked)
        lengths.append(len(tokenizer(whole[0], is_split_into_words=True, truncation=False)["input_ids"]))
    return {"windows": read, "pieces": max(lengths), "limit": tokenizer.model_max_length}


def main(folder: Path) -> dict[str, Any]:
    made: dict[str, Callable[[Path], None]] = {
        "bert": lambda p: known_answers(p, ["O", "B-PER", "I-PER", "B-LOC", "B-MISC"]),
        "mute": lambda p: known_answers(p, ["O", "B-PER", "I-PER", "B-LOC", "B-MISC", "U-PER"]),
        "roberta": lambda p: roberta(p, ["O", "B-PER", "I-PER", "B-LOC"]),
        "foreign": lambda p: roberta(p, ["O", "B-disease"]),
        "slow": slow,
        "headless": headless,
        "gliner": lambda p: gliner(p, words=20, pieces=400),
        "pieces": lambda p: gliner(p, words=384, pieces=60),
    }
    out: dict[str, Any] = {"texts": {"short": SHORT, "long": LONG}}
    for name, make in made.items():
        make(folder / name)
    hf, names = f"hf:{folder / 'bert'}", f"gliner:{folder / 'gliner'}"
    out["short"] = seen(hf, SHORT)
    out["long"] = seen(hf, LONG, stride="8")
    out["blank"] = seen(hf, " \r\n ")
    out["mapped"] = seen(hf, SHORT, map="LOC:GPE,MISC:FAC")
    out["without"] = seen(hf, SHORT, map="LOC:GPE,MISC:")
    out["wrong_type"] = seen(hf, SHORT, map="LOC:PLACE")
    out["wrong_label"] = seen(hf, SHORT, map="ORG:ORG")
    out["wrong_stride"] = seen(hf, SHORT, stride="38")
    out["wrong_aggregation"] = seen(hf, SHORT, aggregation="none")
    out["roberta"] = seen(f"hf:{folder / 'roberta'}", LONG, stride="5", aggregation="simple")
    for name in ("mute", "foreign", "slow", "headless"):
        out[name] = seen(f"hf:{folder / name}", SHORT)
    out["no_path"] = seen(f"hf:{folder / 'nothing_there'}", SHORT)
    reached: list[str] = []
    sys.addaudithook(lambda event, _: reached.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None)
    out["offline"] = seen("hf:nobody/no-such-model", SHORT)
    out["offline_gliner"] = seen("gliner:nobody/no-such-model", SHORT)
    out["reached"] = reached
    out["names"] = seen(names, SHORT, threshold="0.5")
    out["names_direct"] = direct(folder / "gliner", SHORT)
    out["definitions"] = seen(names, SHORT, ask="definition", threshold="0", nested="yes")
    out["asked"] = seen(names, LONG, map="person:PERSON,a town:GPE", threshold="0")
    out["pieces"] = seen(f"gliner:{folder / 'pieces'}", LONG, map="person:PERSON,a town:GPE", threshold="0")
    out["windows"] = windows(folder / "pieces", LONG, ["person", "a town"])
    out["wrong_threshold"] = seen(names, SHORT, threshold="high")
    out["wrong_ask"] = seen(names, SHORT, ask="type")
    out["no_room"] = seen(f"gliner:{folder / 'pieces'}", SHORT, ask="definition")
    out["no_gliner"] = seen(f"gliner:{folder / 'nothing_there'}", SHORT)
    return out


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))) + "\n")
