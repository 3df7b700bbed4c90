"""An adjudicator's result over a merge: the gold, and the record of how it came about.

Gold is numbered anew in the order of the text (``m1``, ``m2``, …), so that equal
results are equal bytes, whichever tool and whichever ids they come from. An
item that every pass has may be taken out, and one that no pass has may be added,
only with a reason: without one it is an error, for it is more often a slip.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from newsgold.annotation.disputes import place, ref, slots_of, wording
from newsgold.annotation.items import (
    Attitude,
    Cluster,
    Dispute,
    Item,
    Linked,
    Marked,
    Merge,
    Names,
    Pair,
    Slot,
    View,
    What,
    in_text,
    view,
    within,
)
from newsgold.annotation.merging import compose, number
from newsgold.annotation.records import NO_RULE, AdjudicationRecord, Agreed, Decision, Reason, Reasons, references
from newsgold.corpus.model import Annotation
from newsgold.errors import Finding, finding, quote

GOLD = "gold"
Outcome = Literal["kept", "dropped", "added"]


class Settled(NamedTuple):
    """What came of one document."""

    gold: Annotation
    record: AdjudicationRecord
    findings: tuple[Finding, ...]


def settle(merge: Merge, decided: Annotation, reasons: Reasons, *, round_name: str, adjudicator: str, path: str = "") -> Settled:
    """Gold and record of a complete annotation that decides the disputes of a merge.

    Args:
        merge: The passes.
        decided: The adjudicator's annotation, whatever its ids.
        reasons: What the adjudicator said.
        round_name: Named in the record.
        adjudicator: Who decided.
        path: Where ``decided`` stands, for findings.
    """
    return _Settling(merge, decided, reasons, path).settled(round_name, adjudicator)


class _Settling:
    def __init__(self, merge: Merge, decided: Annotation, reasons: Reasons, path: str) -> None:
        self.merge = merge
        self.reasons = reasons
        self.path = path
        self.view = _viewed(merge, decided)
        self.union = {s for v in merge.views.values() for s in v.mentions}
        self.own: dict[str, str] = {}
        """Ids of the gold, by what the adjudicator calls the item."""
        self.names = _numbered(self.view)
        self.gold = compose(
            merge,
            GOLD,
            self.view.mentions,
            set(self.view.clusters.values()),
            self.view.links,
            self.view.pairs,
            self.view.stances,
            self.names,
        )
        self.called = {name for layer in references(self.gold).values() for name in layer}
        self._rename(decided)
        self.used: set[str] = set()
        self.found: list[Finding] = []
        self.decisions: dict[str, Decision] = {}
        self.of_slot: dict[Slot, str] = {}
        """The decision about each mention that was not simply agreed."""
        self.of_cluster: dict[Slot, str] = {}
        """The decision about the cluster of each mention."""
        self.following: dict[str, str] = {}

    def settled(self, round_name: str, adjudicator: str) -> Settled:
        by_layer: dict[str, list[Dispute]] = defaultdict(list)
        for dispute in self.merge.disputes:
            by_layer[dispute.layer].append(dispute)
        for layer, decide in (
            ("mentions", self.mentions),
            ("entities", self.entities),
            ("links", self.links),
            ("relations", self.relations),
            ("stances", self.stances),
        ):
            decide(by_layer[layer])
        notes = (*self.reasons.notes, *self._idle())
        taken = {d.gold for d in self.decisions.values()} | self.following.keys()
        agreed = {layer: tuple(n for n in names if n not in taken) for layer, names in references(self.gold).items()}
        record = AdjudicationRecord(
            schema_version=2,
            document=self.gold.id,
            round=round_name,
            passes=self.merge.passes,
            adjudicator=adjudicator,
            guidelines=self.reasons.guidelines,
            agreed=Agreed(**agreed),
            following=self.following,
            decisions=tuple(self.decisions.values()),
            notes=notes,
            notes_of_passes={k: tuple(v) for k, v in sorted(self.reasons.notes_of_passes.items())},
        )
        return Settled(self.gold, record, tuple(self.found))

    # ------------------------------------------------------------------ names

    def _rename(self, decided: Annotation) -> None:
        """Learn what the adjudicator calls each item of the gold."""
        for name, what in self.view.names.items():
            self.own[name] = ref(Marked(what, "", ""), self.names) if isinstance(what, Slot) else ref(what, self.names)
        for e in decided.entities or ():
            self.own[f"link({e.id})"] = f"link({self.own.get(e.id or '', '')})"
        for name in references(decided)["relations"]:
            label, _, ends = name[:-1].rpartition("(")
            head, tail = (self.own.get(end, "") for end in ends.split(","))
            self.own[name] = self._pair_name(f"{label}({head},{tail})", f"{label}({tail},{head})")
            if self.merge.labels.symmetric(label.partition(":")[0]):
                self.own[f"{label}({','.join(reversed(ends.split(',')))})"] = self.own[name]

    def _pair_name(self, *names: str) -> str:
        return next((name for name in names if name in self.called), names[0])

    def gold_ref(self, what: What) -> str:
        """What an item of the gold is called there; a symmetric pair by the side that comes first there."""
        if isinstance(what, Pair):
            return self._pair_name(ref(what, self.names), ref(what._replace(head=what.tail, tail=what.head), self.names))
        return ref(what, self.names)

    # -------------------------------------------------------------- decisions

    def reason(self, *targets: str) -> Reason | None:
        """The reason given for the first of the targets that has one."""
        wanted = [*targets]
        wanted += [own for own, gold in self.own.items() if f"+{gold}" in targets]
        for target in wanted:
            if target in self.reasons.given:
                self.used.add(target)
                return self.reasons.given[target]
        return None

    def note(
        self,
        name: str,
        layer: str,
        what: What,
        passes: Iterable[str],
        outcome: Outcome,
        *,
        gold: str | None = None,
        follows: str | None = None,
        also: Iterable[str] = (),
    ) -> None:
        """Enter one decision, with the reason given for it, or else that of the decision from which it follows."""
        reason = self.reason(name, *also, *([f"+{gold}"] if gold and outcome != "dropped" else []))
        given = reason is not None
        source = self.decisions.get(follows) if follows else None
        if reason is None and source is not None:
            reason = Reason(source.rule, f"follows from {source.id}")
        if reason is None:
            reason = Reason(NO_RULE, "")
        text = wording(self.merge, what)
        if not given and source is None and not name.startswith("D"):
            code = "ADJ_AGREED_DROPPED" if name.startswith("-") else "ADJ_ADDED"
            self.find(code, name, got=text)
        elif reason.rule == NO_RULE and (given or source is None):
            self.find("ADJ_NO_RULE", name, got=text)
        self.decisions[name] = Decision(
            id=name,
            layer=layer,  # type: ignore[arg-type]  # checked where the item was made
            item=text,
            passes=tuple(passes),
            decision=outcome,
            gold=gold,
            follows=source.id if source is not None else None,
            rule=reason.rule,
            why=reason.why,
        )

    def find(self, code: str, name: str, *, got: str, wanted: str = "") -> None:
        self.found.append(finding(code, self.path, doc=self.gold.id, pointer="", got=f"{name} {quote(got, 160)}", wanted=wanted))

    def items(self, disputes: Iterable[Dispute]) -> Iterator[tuple[Dispute, Item]]:
        return ((dispute, item) for dispute in disputes for item in dispute.items)

    def havers(self, slots: Iterable[Slot]) -> set[str]:
        """The passes that have all of the mentions."""
        wanted = set(slots)
        return {name for name, v in self.merge.views.items() if wanted <= v.mentions.keys()}

    # ----------------------------------------------------------------- layers

    def mentions(self, disputes: Iterable[Dispute]) -> None:
        held = self.view.mentions
        in_dispute = set()
        for dispute, item in self.items(disputes):
            assert isinstance(item.what, Marked)
            slot = self._standing(item.what)
            gold = None if slot is None else self.names.slots[slot]
            self.note(item.id, "mentions", item.what, item.passes, _outcome(slot is not None), gold=gold, also=[dispute.id])
            if slot is not None:
                in_dispute.add(held[slot])
            if slot is not None or item.what.slot not in self.of_slot:
                self.of_slot[slot or item.what.slot] = item.id
        for slot, marked in self.merge.mentions.items():
            if held.get(slot) != marked:
                name = f"-{self.merge.names.slots[slot]}"
                also = [f"+{self.names.slots[slot]}"] if slot in held else []
                self.note(name, "mentions", marked, self.merge.passes, "dropped", also=also)
                self.of_slot[slot] = name
        for slot in sorted(held, key=in_text):
            if held[slot] != self.merge.mentions.get(slot) and held[slot] not in in_dispute:
                gold = self.names.slots[slot]
                changed = self.of_slot.get(slot)
                self.note(f"+{gold}", "mentions", held[slot], (), "added", gold=gold, follows=changed)
                self.of_slot[slot] = f"+{gold}"

    def _standing(self, marked: Marked) -> Slot | None:
        """Where the gold has a mention of a pass: in its slot, or beside another version of it that took the slot."""
        for slot in (marked.slot, marked.slot._replace(type=marked.type)):
            there = self.view.mentions.get(slot)
            if there is not None and (there.type, there.kind) == (marked.type, marked.kind):
                return slot
        return None

    def entities(self, disputes: Iterable[Dispute]) -> None:
        merge, held = self.merge, self.view.clusters
        covered: set[Cluster] = set()
        for dispute, item in self.items(disputes):
            cluster = _cluster(item.what)
            left = within(cluster, self.view.mentions)
            core = within(cluster, merge.common)
            loose = [s for s in cluster if s not in merge.common]
            whole = bool(core) and merge.blocks.get(core[0]) == core
            bare = not left or (whole and not within(loose, self.view.mentions))
            kept = not bare and any(self._same(cluster, merge.views[p]) for p in item.passes)
            follows = None
            if bare:
                follows = next((self.of_slot[s] for s in (loose or cluster) if s in self.of_slot), None)
            elif kept and loose and whole and len(dispute.items) == 1 and set(item.passes) == self.havers(loose):
                follows = self.of_slot.get(loose[0])
            gold = self.names.clusters[held[left[0]]] if kept else None
            self.note(item.id, "entities", cluster, item.passes, _outcome(kept), gold=gold, follows=follows, also=[dispute.id])
            if kept:
                covered.add(held[left[0]])
            for slot in cluster:
                if kept or slot not in self.of_cluster:
                    self.of_cluster[slot] = item.id
        self._agreed_clusters()
        for cluster in sorted(set(held.values()), key=place):
            self._gold_cluster(cluster, covered)

    def _same(self, cluster: Cluster, of_pass: View) -> bool:
        """Whether the gold joins the same mentions as a pass, of those that both have."""
        left = within(cluster, self.view.mentions)
        return within(self.view.clusters[left[0]], of_pass.mentions) == left

    def _agreed_clusters(self) -> None:
        for block in sorted(set(self.merge.blocks.values()), key=place):
            left = within(block, self.view.mentions)
            if left and within(self.view.clusters[left[0]], self.merge.common) != left:
                name = f"-{self.merge.names.clusters[block]}"
                also = [f"+{self.names.clusters[self.view.clusters[s]]}" for s in left]
                self.note(name, "entities", block, self.merge.passes, "dropped", also=also)
                self.of_cluster |= dict.fromkeys(block, name)

    def _gold_cluster(self, cluster: Cluster, covered: set[Cluster]) -> None:
        """See to it that one cluster of the gold is accounted for."""
        merge = self.merge
        gold = self.names.clusters[cluster]
        old = within(cluster, self.union)  # type: ignore[arg-type]  # checked where the item was made
        core = within(old, merge.common)
        loose = [s for s in old if s not in merge.common]
        if cluster in covered:
            return
        if core and not loose and within(merge.blocks.get(core[0], ()), self.view.mentions) == core:
            return
        if not core and len(cluster) == 1:
            owner = self.of_cluster.get(cluster[0]) or self.of_slot[cluster[0]]
            self.following[gold] = owner
            return
        if not old:
            self.following[gold] = self.of_slot[cluster[0]]
            return
        follows = next((self.of_cluster[s] for s in old if self.of_cluster.get(s, "").startswith("-")), None)
        self.note(f"+{gold}", "entities", cluster, (), "added", gold=gold, follows=follows)
        self.of_cluster |= dict.fromkeys(cluster, f"+{gold}")

    def links(self, disputes: Iterable[Dispute]) -> None:
        merge, held = self.merge, self.view.links
        kept_of: set[Cluster] = set()
        for dispute, item in self.items(disputes):
            assert isinstance(item.what, Linked)
            left = within(item.what.cluster, self.view.mentions)
            kept = bool(left) and all(held.get(s) == item.what.link for s in left)
            follows = None
            if not left:
                follows = next((self.of_slot[s] for s in item.what.cluster if s in self.of_slot), None)
            elif item.what.cluster[0] not in merge.blocks:
                follows = self.of_cluster.get(left[0])
            linked = kept and item.what.link is not None
            gold = f"link({self.names.clusters[self.view.clusters[left[0]]]})" if linked else None
            self.note(item.id, "links", item.what, item.passes, _outcome(kept), gold=gold, follows=follows, also=[dispute.id])
            if kept:
                kept_of |= {self.view.clusters[s] for s in left}
        changed: dict[Cluster, str] = {}
        for block, link in sorted(merge.links.items(), key=lambda row: place(row[0])):
            left = within(block, self.view.mentions)
            wrong = next((s for s in left if held.get(s) != link), None)
            if wrong is not None:
                name = f"-link({merge.names.clusters[block]})"
                cluster = self.view.clusters[wrong]
                own = f"+link({self.names.clusters[cluster]})"
                follows = self.of_cluster.get(wrong)
                self.note(name, "links", Linked(block, link), merge.passes, "dropped", follows=follows, also=[own])
                changed[cluster] = name
        for cluster in sorted(set(self.view.clusters.values()), key=place):
            target = held.get(cluster[0])
            if target is None or cluster in kept_of:
                continue
            gold = f"link({self.names.clusters[cluster]})"
            had = {name: {v.links[s] for s in cluster if s in v.links} for name, v in merge.views.items()}
            if all(links <= {target} for links in had.values()) and any(had.values()):
                if not all(had.values()):
                    self.following[gold] = self.of_cluster.get(cluster[0]) or self.of_slot[cluster[0]]
                continue
            follows = changed.get(cluster) or (self.of_slot.get(cluster[0]) if not any(had.values()) else None)
            self.note(f"+{gold}", "links", Linked(cluster, target), (), "added", gold=gold, follows=follows)

    def relations(self, disputes: Iterable[Dispute]) -> None:
        self._facts("relations", disputes, self.merge.pairs, self.view.pairs)

    def stances(self, disputes: Iterable[Dispute]) -> None:
        self._facts("stances", disputes, self.merge.stances, self.view.stances)

    def _facts(
        self,
        layer: str,
        disputes: Iterable[Dispute],
        agreed: frozenset[Pair] | frozenset[Attitude],
        held: frozenset[Pair] | frozenset[Attitude],
    ) -> None:
        """Relations and stances: items that are there or not, and go with their mentions."""
        in_dispute = set()
        for dispute, item in self.items(disputes):
            in_dispute.add(item.what)
            kept = item.what in held
            follows = self._gone(item.what)
            if kept and set(item.passes) == self.havers(slots_of(item.what)):
                follows = self._owner(layer, item.what)
            gold = self.gold_ref(item.what) if kept else None
            self.note(item.id, layer, item.what, item.passes, _outcome(kept), gold=gold, follows=follows, also=[dispute.id])
        for what in sorted(agreed - held, key=place):
            name = f"-{ref(what, self.merge.names)}"
            self.note(name, layer, what, self.merge.passes, "dropped", follows=self._gone(what))
        for what in sorted(held - agreed, key=place):
            if what not in in_dispute:
                gold = self.gold_ref(what)
                self.note(f"+{gold}", layer, what, (), "added", gold=gold)

    def _gone(self, what: What) -> str | None:
        """The decision that took out a mention of the item."""
        return next((self.of_slot[s] for s in slots_of(what) if s not in self.view.mentions and s in self.of_slot), None)

    def _owner(self, layer: str, what: What) -> str | None:
        """The decision on which an item depends whose mentions are there."""
        slots = slots_of(what)
        own = [self.of_slot[s] for s in slots if s in self.of_slot]
        if layer == "relations":
            own += [self.of_cluster[s] for s in slots if s in self.of_cluster and s not in self.merge.blocks]
        return next(iter(own), None)

    def _idle(self) -> Iterator[str]:
        """Reasons for agreed items, as notes; reasons for nothing that there is are errors."""
        agreed = {ref(m, self.merge.names) for m in self.merge.mentions.values()}
        for target, reason in self.reasons.given.items():
            if target in self.used:
                continue
            if target in self.own or target.removeprefix("+") in self.called:
                yield f"{reason.rule} {target}: {reason.why}"
            else:
                wanted = "a dispute, an item of the decided annotation, or -ID of an agreed item that is taken out"
                if target.removeprefix("-") in agreed:
                    wanted = "the item to be taken out, for it is still there"
                self.find("ADJ_UNKNOWN_ITEM", target, got=reason.why or reason.rule, wanted=wanted)


def _outcome(kept: bool) -> Outcome:
    return "kept" if kept else "dropped"


def _cluster(what: What) -> Cluster:
    assert not isinstance(what, Marked | Linked | Pair | Attitude)
    return what


def _viewed(merge: Merge, decided: Annotation) -> View:
    known: dict[Slot, list[str]] = defaultdict(list)
    for v in merge.views.values():
        for slot, marked in v.mentions.items():
            known[slot].append(marked.type)
    crowded = {(s.start, s.end) for s in known if s.type}
    return view(decided, merge.labels, crowded, known)


def _numbered(held: View) -> Names:
    """Ids for the items of the gold, in the order of the text."""

    def slot_order(slot: Slot) -> tuple[int, int, str]:
        return slot.start, -slot.end, held.mentions[slot].type

    slots = number(held.mentions, "m", slot_order)
    clusters = number(held.clusters.values(), "e", lambda c: min(map(slot_order, c)))
    return Names(slots, clusters, number(held.stances, "s", place))
