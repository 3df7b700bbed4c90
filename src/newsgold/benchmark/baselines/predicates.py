"""Relations by rule, sentence by sentence: verbs with their arguments, and structure inside phrases.

A claim here is between two phrases, by index; :mod:`newsgold.benchmark.baselines.rules` gathers claims into relations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from newsgold.benchmark.baselines.clauses import ACTORS, BE, Predicate, Sentence, predicates
from newsgold.benchmark.baselines.lexicon import section, words
from newsgold.benchmark.baselines.phrases import PLACES, Phrase

_ARMED = frozenset({"rebels", "troops", "guerrillas"})
_FROM_LOSER = frozenset({"retake", "recapture", "recover", "seize", "capture", "take", "regain"})


_IN = (["in"], ["inside"], ["at"], ["is", "in"], ["are", "in"], ["was", "in"], ["were", "in"])


class Claim(NamedTuple):
    """A relation between two phrases."""

    type: str
    head: int
    tail: int
    factuality: str = "asserted"


# -------------------------------------------------------------------------- verbs


class Match(NamedTuple):
    """A verb phrase found in a sentence."""

    at: int
    end: int
    says: str
    verb: str
    subject: int | None
    object: int | None
    start: int
    """Where the words begin that can change its factuality."""


def matches(sentence: Sentence, name: str) -> Iterator[Match]:
    """The verb phrases of a section of the lexicon that occur in a sentence, active or passive."""
    table = predicates(name)
    for at in sentence.where(table):
        if at in sentence.covered or _is_noun(sentence, at):
            continue
        for row in table[sentence.lower[at]]:
            end = at + 1 + len(row.rest)
            if tuple(sentence.lower[at + 1 : end]) == row.rest and end <= sentence.end:
                match = _with_arguments(sentence, at, end, row)
                if match is not None:
                    yield match
                    break


def _is_noun(sentence: Sentence, at: int) -> bool:
    """Whether a form such as *attack* or *control* is a noun or part of a compound here."""
    before = sentence.word(at - 1)
    noun = before in words("heads", "determiners") - {"that"} or before in ("'s", "’s", "-", "in", "under")
    noun = noun or (before == "of" and not sentence.lower[at].endswith("ing"))
    return noun or sentence.word(at + 1) == "-"


def _with_arguments(sentence: Sentence, at: int, end: int, row: Predicate) -> Match | None:
    passive = sentence.lower[at] != row.verb and _passive(sentence, at)
    subject = sentence.subject(at, ACTORS | PLACES if passive else ACTORS)
    start = sentence.all[subject].end if subject is not None else sentence.first
    if passive and not row.rest:
        agent = next((k for k in range(end, min(end + 3, sentence.end)) if sentence.lower[k] == "by"), None)
        if agent is None:
            return None
        return Match(at, end, row.says, row.verb, sentence.object(agent + 1), subject, start)
    target = sentence.object(end, near=row.says in section("predicates"))
    return Match(at, end, row.says, row.verb, subject, target, start)


def _passive(sentence: Sentence, at: int) -> bool:
    word = sentence.lower[at]
    participle = not word.endswith(("ing", "s")) and word not in BE
    return participle and (
        sentence.word(at + 1) == "by"
        or any(sentence.word(k) in BE for k in range(at - 1, at - 4, -1) if k not in sentence.covered)
    )


def verbal(sentence: Sentence) -> Iterator[Claim]:
    """The claims of the sentence's verbs, over all their conjoined arguments."""
    for match in matches(sentence, "predicates"):
        if match.subject is None or match.object is None:
            continue
        factuality = sentence.factuality(match.start, match.at)
        if factuality == "asserted" and match.verb in words("factuality", "open_verbs"):
            factuality = "prospective"
        for head in sentence.joined(match.subject):
            for tail in sentence.joined(match.object):
                claim = _fitting(sentence, Claim(match.says, head, tail, factuality))
                if claim is not None:
                    yield claim
        yield from _loser(sentence, match)


def _fitting(sentence: Sentence, claim: Claim) -> Claim | None:
    """The claim that the same words make of arguments of these types."""
    head, tail = sentence.all[claim.head], sentence.all[claim.tail]
    if claim.type == "controls" and tail.type in ("PERSON", "ORG"):
        return claim._replace(type="attacks")
    if claim.type == "withdraws_from" and head.type == "PERSON" and head.kind == "NOM":
        armed = words("offices", "member_of") | _ARMED
        return claim if sentence.lower[head.head] in armed else None
    return claim


def _loser(sentence: Sentence, match: Match) -> Iterator[Claim]:
    """In *retake X from Y* it is Y that holds X (R17)."""
    if match.verb not in _FROM_LOSER or match.object is None:
        return
    end = sentence.all[match.object].end
    if sentence.word(end) == "from" and (loser := sentence.object(end + 1)) is not None:
        yield Claim("controls", loser, match.object)


# ---------------------------------------------------------------- parties, compounds


def parties(sentence: Sentence) -> Iterator[Claim]:
    """*A deal between X and Y*, *X-brokered*, *talks with Y*."""
    nouns = {n: says for says in ("agreement_with", "fights") for n in words("parties", says)}
    for at in sentence.where(nouns):
        noun = sentence.lower[at]
        if sentence.word(at + 1) != "between":
            continue
        first = sentence.object(at + 2)
        two = sentence.joined(first) if first is not None else []
        if len(two) < 2:
            continue
        factuality = "prospective" if noun in words("parties", "prospective") else "asserted"
        yield Claim(nouns[noun], two[0], two[1], factuality)
        yield from (Claim("mediates", broker, party) for broker in _brokers(sentence, at) for party in two[:2])


def _brokers(sentence: Sentence, at: int) -> Iterator[int]:
    for k in range(max(sentence.first, at - 4), at):
        if sentence.lower[k] in ("brokered", "mediated"):
            broker = sentence.until.get(k - 1) if sentence.lower[k - 1] == "-" else sentence.subject(k)
            if broker is not None:
                yield broker


def compounds(sentence: Sentence) -> Iterator[Claim]:
    """*X-backed Y*, *X-held Y*, *Y-based X*."""
    table = section("participles")
    for i in sentence.members:
        end = sentence.all[i].end
        if sentence.word(end) != "-" or sentence.word(end + 1) not in table:
            continue
        relation = table[sentence.lower[end + 1]][0]
        other = sentence.parents.get(i)
        other = sentence.object(end + 2) if other is None else other
        if other is not None:
            flipped = relation in ("based_in", "state_affiliation")
            yield Claim(relation, other, i) if flipped else Claim(relation, i, other)


# ------------------------------------------------------------------ inside a phrase


def structural(sentence: Sentence) -> Iterator[Claim]:
    """What a phrase says of the phrases inside it, and a title of the name after it."""
    for i in sentence.members:
        phrase = sentence.all[i]
        outer = sentence.parents.get(i)
        if outer is not None and sentence.all[outer].kind == "NOM" and sentence.word(phrase.end) != "-":
            relation = _inner(sentence, sentence.all[outer], phrase)
            if relation == "leads" and phrase.type == "PERSON":
                yield Claim(relation, i, outer)
            elif relation:
                yield Claim(relation, outer, i)
        if phrase.title >= 0:
            yield from _title(sentence, i)


def _inner(sentence: Sentence, outer: Phrase, inner: Phrase) -> str:
    """The relation of a nominal to a phrase inside it."""
    head = sentence.lower[outer.head]
    if inner.first > outer.head:
        return _complement(sentence, outer, inner, head)
    if outer.type in PLACES:
        return "located_in" if inner.type in ("GPE", "LOC") and outer.type != "GPE" else ""
    if inner.type == "PERSON":
        return "leads" if outer.type == "ORG" else ""
    if outer.type == "PERSON" and (office := _office(sentence, outer.first, outer.head)):
        return office
    government = inner.kind == "NOM" and sentence.lower[inner.head] in words("offices", "government")
    if inner.type in ("NORP", "GPE") or government:
        return "state_affiliation"
    return {"PERSON": "member_of", "ORG": "part_of"}.get(outer.type, "") if inner.type == "ORG" else ""


def _complement(sentence: Sentence, outer: Phrase, inner: Phrase, head: str) -> str:
    """The relation that the preposition before the inner phrase says."""
    before = inner.first - 1 - (sentence.word(inner.first - 1) == "the")
    preposition = sentence.word(before)
    if outer.type in PLACES:
        if preposition in ("near", "outside", "around"):
            return "adjacent_to"
        inside = preposition in ("in", "of") or preposition in words("heads", "directions")
        return "located_in" if inside and inner.type in ("GPE", "LOC") else ""
    if outer.type == "PERSON":
        if preposition == "of" and inner.type in PLACES and head in ("residents", "people", "inhabitants", "villagers"):
            return "present_in"
        return _office(sentence, outer.first, outer.head) if preposition in ("of", "for") else ""
    return "state_affiliation" if outer.type == "ORG" and preposition == "of" and inner.type in ("GPE", "NORP") else ""


def _office(sentence: Sentence, first: int, head: int) -> str:
    """The relation that the noun of an office says, deputies and ministers leading nothing (R19)."""
    noun = sentence.lower[head]
    lesser = any(w in words("offices", "lesser") for w in sentence.lower[first:head])
    if noun in words("offices", "leads"):
        return "" if lesser else "leads"
    if noun in words("offices", "represents"):
        return "represents"
    return "member_of" if noun in ("member", "members") else ""


def _title(sentence: Sentence, i: int) -> Iterator[Claim]:
    """*Marovian President X*, *Guard commander X*: the phrase right before the titles."""
    first = sentence.all[i].title
    while first > sentence.first and sentence.lower[first - 1] in words("cues", "titles") | words("offices", "lesser"):
        first -= 1
    start = first - (sentence.word(first - 1) in ("'s", "’s"))
    body = sentence.until.get(start)
    office = _office(sentence, first, sentence.all[i].title)
    if body is not None and sentence.all[body].type in ("ORG", "GPE", "NORP") and office:
        yield Claim(office, i, body)


# --------------------------------------------------------------------- side by side


def adjacent(sentence: Sentence) -> Iterator[Claim]:
    """*X in Y*, *X near Y* and *X, Y* of neighbouring phrases."""
    for left, right in zip(sentence.outer, sentence.outer[1:], strict=False):
        a, b = sentence.all[left], sentence.all[right]
        between = [w for w in sentence.lower[a.end : b.first] if w != "the"]
        place = a.type in PLACES
        if b.type not in PLACES:
            continue
        if between in _IN and sentence.lower[a.head] not in words("offices", "government"):
            yield Claim("located_in" if place else "present_in", left, right)
        elif between == ["near"] and place:
            yield Claim("adjacent_to", left, right)
        elif (
            between == [","]
            and a.type == b.type == "GPE"
            and a.kind == b.kind == "NAM"
            and sentence.word(b.end) in (",", ".", "")
        ):
            yield Claim("located_in", left, right)


def claims(sentence: Sentence) -> Iterator[Claim]:
    """Every claim of a sentence, by all patterns."""
    if len(sentence.members) < 2:
        return
    for pattern in (structural, compounds, verbal, parties, adjacent):
        yield from pattern(sentence)
