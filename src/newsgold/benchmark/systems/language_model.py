"""``llm:MODEL``: a language model behind a server that speaks the chat completions of OpenAI.

The model is shown the label inventory and one article, and answers with strings, which :mod:`grounding` puts in
their places; a JSON Schema, generated from the inventory, holds it to the form. The key comes from
``OPENAI_API_KEY`` and stands in no record and no message. Deadlines, attempts and limits are those of any server
(:mod:`server`); the client's own retries are off.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from newsgold.benchmark.systems import Answer, Opened, Options, SystemFailure, own_options, plain_name
from newsgold.benchmark.systems.grounding import Said, ground
from newsgold.corpus.model import AUTHOR, UNKNOWN
from newsgold.errors import UsageError, quote

if TYPE_CHECKING:
    from newsgold.corpus.labels import Label, Labels
    from newsgold.corpus.model import Article

KEY = "OPENAI_API_KEY"
_PER = 1_000_000
_MOST = 2.0**53
_OWN = {"base_url": "", "input_price": "", "output_price": "", "temperature": "", "max_output_tokens": "", "proxy": ""}

_TEMPLATE = """\
You annotate news articles. Mark every mention of an entity in the article, with the type of the entity and the kind of
the mention, and give all mentions of one entity the same cluster: a short id of your choice, such as c1. Mentions may
stand inside one another.

Copy "text" from the article character for character, as one unbroken stretch that begins and ends with whole words,
without white space around it. "occurrence" says which of the places where exactly these characters stand in the article
as whole words is meant, counted from 1 at the top.

Types of entities:
{types}

Kinds of mentions:
{kinds}
"""
_RELATIONS = """
Mark every relation between two entities that the article states in words. Leave out what follows from other
relations or is merely known. "head" and "tail" are clusters. The types that the head and the tail may have stand
behind the name of the relation.
{relations}

A relation is stated with one of these factualities:
{factualities}
"""
_STANCES = """
Mark every stance: a holder's position on a target, both clusters. The holder is {author} if the article takes the stance in
its own voice and {unknown} if no words name who holds it. "text" is the shortest stretch that expresses the stance, copied
like the text of a mention.

Polarities:
{polarities}

Bases:
{bases}
"""


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: msgspec.Raw = msgspec.Raw(b"null")
    """Read apart: whatever it holds, the answer counts."""


def open_language_model(model: str, options: Options, labels: Labels) -> Opened:
    """The model of that name at ``--option base_url=URL``, or ``OPENAI_BASE_URL``, or OpenAI's own server.

    Options of its own: ``base_url``; ``input_price`` and ``output_price``, per million tokens, for the cost;
    ``temperature`` and ``max_output_tokens``, sent as given; ``proxy``.

    Raises:
        UsageError: the extra ``llm`` or the key is missing, or an option cannot be what was given.
    """
    try:
        import openai
    except ImportError as error:
        raise UsageError('llm: needs the client openai: pip install "newsgold[llm]"') from error
    from newsgold.benchmark.systems.server import CONCURRENCY, Web, check_url, hidden, recorded_url, status_failure, usable

    chosen = own_options(options, _OWN, "llm:")
    base_url = chosen["base_url"] or os.environ.get("OPENAI_BASE_URL", "")
    if base_url:
        check_url(base_url)
    key = os.environ.get(KEY, "")
    if not key and not base_url:
        raise UsageError(f"no key: set {KEY}, or name a server that wants none with --option base_url=URL")
    if key and not usable(key):
        raise UsageError(f"{KEY} holds no usable key")
    prices = {side: _number(chosen, f"{side}_price") for side in ("input", "output")}
    sent = _sent(chosen)
    system_prompt, schema = instructions(labels), answer_schema(labels)
    form = {"type": "json_schema", "json_schema": {"name": "annotation", "strict": True, "schema": schema}}
    web = Web(options, proxy=chosen["proxy"], headers={}, secrets=hidden(key, base_url))
    client = openai.AsyncOpenAI(
        api_key=key or "none", base_url=base_url or None, max_retries=0, timeout=None, http_client=web.client
    )

    async def ask(article: Article) -> bytes:
        messages: list[Any] = [{"role": "system", "content": system_prompt}, {"role": "user", "content": article.text}]
        given: dict[str, Any] = {"model": model, "messages": messages, "response_format": form, **sent}
        try:
            reply = await client.chat.completions.with_raw_response.create(**given)
        except openai.APIStatusError as error:
            raise status_failure(error.status_code, error.response.headers, error.response.text) from None
        except openai.APIConnectionError as error:
            raise error.__cause__ or SystemFailure("broken", quote(str(error), 200)) from None
        except openai.OpenAIError as error:
            raise SystemFailure("broken", quote(str(error), 200)) from None
        return bytes(reply.content)

    def answer(article: Article) -> Answer:
        reply = web.call(lambda: ask(article))
        said, usage = _read(reply.value, prices, reply.attempts)
        grounded = ground(said, article)
        return Answer(
            annotation=grounded.annotation, ungrounded=len(grounded.lost), usage=usage, raw=reply.value, attempts=reply.attempts
        )

    configuration = {"model": model, **({"base_url": recorded_url(base_url)} if base_url else {}), **sent}
    return Opened(
        plain_name(model),
        "unknown",
        configuration,
        answer,
        prompt=f"{system_prompt}\n{msgspec.json.encode(schema).decode()}",
        concurrency=options.concurrency or CONCURRENCY,
        close=web.close,
    )


def _number(chosen: Mapping[str, str], key: str) -> float | None:
    if not chosen[key]:
        return None
    try:
        value = float(chosen[key])
    except ValueError:
        value = -1.0
    if not math.isfinite(value) or value < 0:
        raise UsageError(f"--option {key}= takes a number, not {quote(chosen[key])}")
    return value


def _sent(chosen: Mapping[str, str]) -> dict[str, float]:
    """The options that are sent with every article."""
    temperature, tokens = _number(chosen, "temperature"), _number(chosen, "max_output_tokens")
    sent = {} if temperature is None else {"temperature": temperature}
    return sent if tokens is None else {**sent, "max_completion_tokens": int(tokens)}


def _read(raw: bytes, prices: Mapping[str, float | None], attempts: int) -> tuple[Said, dict[str, float]]:
    """What a completion says, and what it used."""
    usage: dict[str, float] = {}

    def failure(kind: str, message: str) -> SystemFailure:
        return SystemFailure(kind, message, attempts=attempts, usage=usage)

    try:
        completion = msgspec.json.decode(raw, type=_Completion)
        choice = completion.choices[0]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, IndexError) as error:
        begins = quote(raw[:80].decode("utf-8", "replace"))
        raise failure(
            "not_json", f"the server's answer is no chat completion: {quote(str(error))}; it begins with {begins}"
        ) from None
    usage.update(_used(completion.usage, prices))
    message = choice.message
    if message.refusal or choice.finish_reason == "content_filter":
        raise failure("refused", f"the model refuses: {quote(message.refusal or 'a filter for content', 200)}")
    if choice.finish_reason == "length":
        raise failure("truncated", "the answer breaks off at the limit of tokens: raise --option max_output_tokens=N")
    try:
        return msgspec.json.decode(message.content or "", type=Said), usage
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        begins = quote((message.content or "")[:80])
        raise failure(
            "not_json", f"the model's answer has not the form asked for: {quote(str(error))}; it begins with {begins}"
        ) from None


def _used(raw: msgspec.Raw, prices: Mapping[str, float | None]) -> dict[str, float]:
    """The tokens that a server counts, as far as they are numbers, and their cost where all that has a price is counted."""
    try:
        given = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        given = None
    counts = given if isinstance(given, dict) else {}
    found = {"input": _amount(counts.get("prompt_tokens")), "output": _amount(counts.get("completion_tokens"))}
    tokens = {side: n for side, n in found.items() if n is not None}
    used = {f"{side}_tokens": n for side, n in tokens.items()}
    priced = {side: price for side, price in prices.items() if price is not None}
    if priced and priced.keys() <= tokens.keys():
        used["cost"] = sum(tokens[side] * price for side, price in priced.items()) / _PER
    return used


def _amount(value: object) -> float | None:
    """A number that can be added up, from 0 to :data:`_MOST`, or ``None``."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _MOST else None


# -------------------------------------------------------------- what the model is told


def instructions(labels: Labels) -> str:
    """The prompt that an inventory gives; the article follows as the user's message."""
    parts = [_TEMPLATE.format(types=_defined(labels.types), kinds=_defined(labels.kinds))]
    if labels.relations:
        ends = {name: f" ({' '.join(r.domain)} → {' '.join(r.range)})" for name, r in labels.relations.items()}
        factualities = _defined(labels.factualities) or f"- {labels.allowed_factualities[0]}"
        parts.append(_RELATIONS.format(relations=_defined(labels.relations, ends), factualities=factualities))
    if labels.polarities:
        bases = _defined(labels.bases) or f"- {labels.allowed_bases[0]}"
        parts.append(_STANCES.format(author=AUTHOR, unknown=UNKNOWN, polarities=_defined(labels.polarities), bases=bases))
    return "".join(parts)


def _defined(labels: Mapping[str, Label], more: Mapping[str, str] | None = None) -> str:
    return "\n".join(f"- {name}{(more or {}).get(name, '')}: {x.definition} Test: {x.test}" for name, x in labels.items())


def answer_schema(labels: Labels) -> dict[str, Any]:
    """The JSON Schema of an answer: :class:`~grounding.Said` with the inventory's names, every field required."""
    place = {"text": _STRING, "occurrence": {"type": "integer"}}
    layers = {"mentions": _list({**place, "type": _one_of(labels.types), "kind": _one_of(labels.kinds), "cluster": _STRING})}
    if labels.relations:
        ends = {"type": _one_of(labels.relations), "head": _STRING, "tail": _STRING}
        layers["relations"] = _list({**ends, "factuality": _one_of(labels.allowed_factualities)})
    if labels.polarities:
        sides = {"holder": _STRING, "target": _STRING, "polarity": _one_of(labels.polarities)}
        layers["stances"] = _list({**sides, "basis": _one_of(labels.allowed_bases), **place})
    return _object(layers)


_STRING = {"type": "string"}


def _one_of(names: Mapping[str, object] | Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(names)}


def _list(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": _object(properties)}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties), "additionalProperties": False}
