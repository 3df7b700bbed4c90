"""What can go wrong: exceptions for programs and files, findings for data.

    NewsgoldError
    ├── UsageError        the call makes no sense            exit 2
    ├── FileFault         a file cannot be read or written   exit 3
    ├── ServerFault       a server fails or refuses          exit 3
    └── DataError         the data has errors; carries them  exit 1

A *finding* says that a value somebody wrote is at fault. Findings are
collected, never raised one by one, and every finding has a code from
:data:`FAULTS`, whose row is its message, its remedy and its paragraph in the
reference page. Codes are added here and nowhere else.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]
Role = Literal["gold", "pass", "prediction"]

MAX_FINDINGS_PER_FILE = 1_000


class NewsgoldError(Exception):
    """Root of everything newsgold raises on purpose."""

    exit_code = 1


class UsageError(NewsgoldError):
    """The call makes no sense: a wrong option, an unknown split, a missing argument."""

    exit_code = 2


class FileFault(NewsgoldError):
    """A file cannot be read, written or found."""

    exit_code = 3


class ServerFault(NewsgoldError):
    """A server cannot be reached, fails, or refuses what it is asked."""

    exit_code = 3


class DataError(NewsgoldError):
    """The data has errors. ``findings`` holds all of them."""

    def __init__(self, message: str, findings: Iterable[Finding]) -> None:
        super().__init__(message)
        self.findings = tuple(findings)

    def __str__(self) -> str:
        shown = [f"  {finding}" for finding in self.findings[:5]]
        more = len(self.findings) - len(shown)
        return "\n".join([str(self.args[0]), *shown, *([f"  … and {more} more"] if more > 0 else [])])


class Finding(NamedTuple):
    """One fault in data: where it is, what was got, what was wanted, what to do."""

    code: str
    severity: Severity
    path: str
    line: int
    doc: str
    pointer: str
    message: str
    got: str
    wanted: str
    hint: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        doc = f" ({self.doc})" if self.doc else ""
        pointer = f" {self.pointer}" if self.pointer else ""
        facts = ", ".join(part for part in (self.got and f"got {self.got}", self.wanted and f"wanted {self.wanted}") if part)
        return printable(
            f"{where}{doc}{pointer} {self.code} {self.message}" + (f" ({facts})" if facts else "") + f". {self.hint}"
        )


def printable(text: str) -> str:
    """The text with every control, format and surrogate character escaped, safe for any terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") else c.encode("unicode_escape").decode()
        for c in text
    )


def quote(value: object, limit: int = 80) -> str:
    """A value from a file, shortened and made safe to print, in quotes if it is a string."""
    text = repr(value) if isinstance(value, str) else str(value)
    return printable(text if len(text) <= limit else text[: limit - 1] + "…")


class Fault(NamedTuple):
    """A row of the table: one way in which data can be at fault."""

    severity: Severity
    message: str
    hint: str
    about: str


def finding(
    code: str,
    path: str,
    *,
    line: int = 0,
    doc: str = "",
    pointer: str = "",
    got: str = "",
    wanted: str = "",
    severity: Severity | None = None,
) -> Finding:
    """A finding of one of the coded faults; ``severity`` overrides the table's where the role demands it."""
    fault = FAULTS[code]
    return Finding(code, severity or fault.severity, path, line, doc, pointer, fault.message, got, wanted, fault.hint)


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether any of them is an error."""
    return any(f.severity == "error" for f in findings)


def count_codes(findings: Iterable[Finding]) -> dict[str, int]:
    """How often each code occurs, in the order of the codes."""
    return dict(sorted(Counter(f.code for f in findings).items()))


_E: Severity = "error"
_W: Severity = "warning"

FAULTS: dict[str, Fault] = {
    # ------------------------------------------------------------ bytes and files
    "EMPTY_FILE": Fault(
        _E,
        "the file is empty",
        "Write at least one record, or leave the file out.",
        "A file of zero bytes, or JSONL of blank lines only, is more often a broken download or a killed writer than a wish"
        " to say nothing. To say that nothing was found, write a record with empty lists.",
    ),
    "FILE_MISSING": Fault(
        _E,
        "a file is missing that another one needs",
        "Restore it, or remove what belongs to it.",
        "An article is two files, <id>.txt and <id>.toml; a submission is system.json and predictions.jsonl; a release is every"
        " file that its SHA256SUMS names, with its card and VERSION.",
    ),
    "FILE_UNREADABLE": Fault(
        _E,
        "the file cannot be read",
        "Put a regular file there that you may read.",
        "A folder, a pipe, a device or a link to nothing stands in the place of a file, or reading it is forbidden.",
    ),
    "NOT_TEXT": Fault(
        _E,
        "the file is binary",
        "Give plain text, HTML or JSONL; convert other formats first.",
        "The bytes hold NUL characters, as archives, images and office documents do.",
    ),
    "NOT_UTF8": Fault(
        _E,
        "the bytes are not UTF-8",
        "Convert the file to UTF-8; the offset of the first wrong byte is given.",
        "Offsets count code points, so the encoding must be certain. Nothing is guessed and nothing replaced.",
    ),
    "BOM": Fault(
        _E,
        "the file begins with a byte order mark",
        "Save it as UTF-8 without BOM.",
        "A byte order mark is a code point of its own and would shift every offset by one.",
    ),
    "RECORD_TOO_LONG": Fault(
        _E,
        "the record is longer than 8 MB",
        "Split the document, or check that lines end where they should.",
        "A record of this size is a missing line break or an attack in every case seen. The line is skipped unread.",
    ),
    "TEXT_TOO_LONG": Fault(
        _E,
        "the text has more than a million code points",
        "Split it into articles.",
        "Articles are capped so that no reader needs more memory than a document can justify.",
    ),
    "TRUNCATED": Fault(
        _E,
        "the last line breaks off",
        "The writer was interrupted: write the file again.",
        "The last record does not parse and no line break follows it. The records before it were read.",
    ),
    "BAD_JSON": Fault(
        _E,
        "not valid JSON",
        "Mend the syntax at the place named.",
        "The record does not parse as JSON (RFC 8259). In JSONL every line is one record.",
    ),
    "DUPLICATE_KEY": Fault(
        _E,
        "a key stands twice in one object",
        "Keep one of the two.",
        "Most parsers keep the last value in silence, so two readers could see different data.",
    ),
    "NOT_FINITE": Fault(
        _E,
        "a number is not finite",
        "Leave NaN and Infinity out; use null or drop the key.",
        "NaN, Infinity and numbers such as 1e999 are no JSON and no offset.",
    ),
    "BIG_INTEGER": Fault(
        _E,
        "an integer is too large",
        "Use integers between -2**53 and 2**53.",
        "Readers differ on such integers: some round, some fail, one crashes.",
    ),
    "LONE_SURROGATE": Fault(
        _E,
        "a string holds half of a surrogate pair",
        "Write the full character, or both halves of the escape.",
        "Half a pair is no character; it cannot be encoded in UTF-8 and it makes Label Studio's server fail.",
    ),
    "TOO_DEEP": Fault(
        _E,
        "the JSON is nested too deeply",
        "No record needs more than five levels.",
        "The nesting would exhaust the stack of a reader.",
    ),
    "BAD_SHAPE": Fault(
        _E,
        "the record has not the published shape",
        "See corpus/schema for the fields and their types.",
        "A field is unknown, missing or of the wrong type. Every such place in the record gets a finding of its own.",
    ),
    "BAD_TOML": Fault(
        _E,
        "not valid TOML",
        "Mend the syntax at the place named.",
        "Article metadata and label inventories are TOML 1.0.",
    ),
    "BAD_LABELS": Fault(
        _E,
        "the label inventory is not consistent",
        "See corpus/labels.toml for the shape.",
        "A relation names a type that the inventory lacks, a section is missing, or a field is unknown.",
    ),
    "SCHEMA_VERSION": Fault(
        _E,
        "the record is of another schema version",
        "Read it with the newsgold release that wrote it.",
        "This release reads schema version 1.",
    ),
    # ------------------------------------------------------------ documents
    "BAD_ID": Fault(
        _E,
        "the id has characters that ids may not have",
        "Document ids match [a-z0-9][a-z0-9._-]{0,127}, item ids [A-Za-z0-9_-]{1,64}.",
        "Ids become file names, region ids in Label Studio and keys in tables, so their alphabet is narrow.",
    ),
    "FILE_NAME": Fault(
        _E,
        "the file is named after another document",
        "Name the file <id>.json (gold) or <id>.toml (article).",
        "In a corpus folder the name of a file and the id inside it are one fact.",
    ),
    "DUPLICATE_DOCUMENT": Fault(
        _E,
        "the document stands twice",
        "Keep one record for each document and annotator.",
        "Two records of the same id and the same annotator: nothing tells which one counts.",
    ),
    "UNKNOWN_DOCUMENT": Fault(
        _E,
        "no such document",
        "Check the id, the corpus version and the split.",
        "The record names a document that the gold or the articles do not have.",
    ),
    "MISSING_DOCUMENT": Fault(
        _W,
        "the predictions lack this document",
        "It counts as empty; write a record with empty lists to say so.",
        "Nothing was predicted for a document of the gold. It is scored as if nothing had been found in it.",
    ),
    "NO_ANSWER": Fault(
        _E,
        "the system gave no answer",
        "Run the same command again: answers are kept, and only documents without one are asked.",
        "The system raised, timed out, was refused, or sent what is no answer. The document is left out of the predictions, which"
        " is not the same as an empty answer; the run's record names the kind and what was said.",
    ),
    "ARTICLE_MISSING": Fault(
        _E,
        "the annotation has no article",
        "Ingest the article, or remove the file.",
        "A gold file of a corpus folder needs its text and metadata under articles/.",
    ),
    "TEXT_HASH": Fault(
        _E,
        "the annotation was made on another text",
        "Annotate the present text, or restore the text it was made on.",
        "The SHA-256 of the article's text is not the one recorded. Offsets into another text mean nothing.",
    ),
    "ARTICLE_HASH": Fault(
        _E,
        "the text is not the one its metadata records",
        "Restore the text; an article is immutable once ingested.",
        "The .txt file changed after ingestion, or git or an editor translated its line endings.",
    ),
    "RAW_HASH": Fault(
        _E,
        "the raw file is not the one that was ingested",
        "Restore it from version control.",
        "Raw files are kept byte for byte as received.",
    ),
    "BAD_REGION": Fault(
        _E,
        "a region is reversed, outside the text or overlaps another of its kind",
        "Mend [[regions]] in the metadata.",
        "Regions are half-open spans of code points with a kind: title, body or duplicate.",
    ),
    "BAD_SPLIT": Fault(
        _E,
        "no such split",
        "Use train, validation or test.",
        "The names of the splits are those of Hugging Face datasets.",
    ),
    "ARTICLE_DIFFERS": Fault(
        _E,
        "the annotation says something else than its article",
        "Leave split, event and ignore out of gold files; the article has them.",
        "Split, event and duplicate regions belong to the article and are filled in from it. An annotation may repeat them,"
        " but not contradict them.",
    ),
    "TITLE_DIFFERS": Fault(
        _E,
        "the title is not what stands in the title region",
        "Mend title or [[regions]] in the metadata.",
        "The metadata name the title twice, in words and as a region of the text; the two must agree.",
    ),
    "SPLIT_LEAK": Fault(
        _E,
        "one event, or one text, stands in two splits",
        "Keep every event, and every text, in one split.",
        "Articles on one event share names and facts: a system trained on one knows the other. The same holds for two"
        " articles with the same text.",
    ),
    # ------------------------------------------------------------ spans and mentions
    "SPAN_REVERSED": Fault(
        _E,
        "the span is empty, reversed or negative",
        "Spans are half-open [start, end) with 0 <= start < end.",
        "Ends are exclusive: a span of one character has end = start + 1.",
    ),
    "SPAN_OUTSIDE": Fault(
        _E,
        "the span leaves the text",
        "Offsets count Unicode code points of the stored text, not bytes or UTF-16 units.",
        "The end lies behind the last character. Byte and UTF-16 offsets run long in texts with accents or emoji.",
    ),
    "SPAN_UNTRIMMED": Fault(
        _E,
        "the span begins or ends with white space",
        "Move the offset to the first and last visible character.",
        "White space at the edge of a span is never meant and breaks exact matching.",
    ),
    "SPAN_CUTS_TOKEN": Fault(
        _W,
        "the span cuts a word",
        "Extend it to the whole word, or ignore this where the script needs it.",
        "A letter or digit stands on both sides of an edge of the span. A hyphen is a boundary and gives no finding.",
    ),
    "SURFACE_MISMATCH": Fault(
        _E,
        "the surface is not what stands at these offsets",
        "Recompute the offsets from the stored text.",
        "A mention may repeat its surface in `text`; that proves the offset, and here it disproves it. The finding"
        " names the nearest place where the surface does stand.",
    ),
    "OFFSET_UNIT": Fault(
        _E,
        "the offsets are counted in another way",
        "Convert them: offsets count Unicode code points from 0, and the end is the first one after the mention.",
        "Nine in ten of the surfaces or more stand at their offsets if these are read as UTF-8 bytes, as UTF-16 units, from 1, or"
        " with the last character included, and fewer if they are read as they should be. The finding says which. Nothing is"
        " converted.",
    ),
    "SURFACE_MISSING": Fault(
        _E,
        "a gold mention lacks its surface",
        'Add "text" with the characters the span covers.',
        "In gold every mention proves its offsets.",
    ),
    "UNKNOWN_TYPE": Fault(
        _E,
        "no such entity type",
        "Use a type of labels.toml, spelled as there.",
        "The label inventory does not hold this type. Predictions with other labels need a mapping first.",
    ),
    "UNKNOWN_KIND": Fault(
        _E,
        "no such mention kind",
        "Use a kind of labels.toml: NAM, NOM, PRO or VAL.",
        "The label inventory does not hold this kind.",
    ),
    "KIND_TYPE": Fault(
        _E,
        "kind and type do not go together",
        "Value types have kind VAL, and only they.",
        "Dates and counts are values; names, nominals and pronouns are not.",
    ),
    "ID_MISSING": Fault(
        _E,
        "the item has no id",
        "Give every mention, entity and stance an id of its own.",
        "Gold and passes are edited, compared and adjudicated item by item, which needs ids. Predictions may go without.",
    ),
    "DUPLICATE_ID": Fault(
        _E,
        "the id stands twice in the document",
        "Give each item an id of its own.",
        "Mentions, entities and stances share one space of ids, since a relation may name either.",
    ),
    "DUPLICATE_MENTION": Fault(
        _E,
        "two mentions have the same span and type",
        "Keep one of them.",
        "In gold and passes an error. In predictions a warning: the copy counts as predicted and matches nothing.",
    ),
    "DUPLICATE_REGION": Fault(
        _E,
        "the item lies in a duplicate region",
        "Annotate the first copy only.",
        "Repeated text, such as a title printed twice, is annotated once. Predictions there are set aside and counted.",
    ),
    # ------------------------------------------------------------ entities
    "MENTION_UNCLUSTERED": Fault(
        _E,
        "the mention is in no entity",
        "Put it in its cluster, or in one of its own.",
        "Every gold mention belongs to exactly one entity; a mention that nothing else refers to is a singleton.",
    ),
    "MENTION_TWO_ENTITIES": Fault(
        _E,
        "the mention is in two entities",
        "Keep it in one.",
        "Entities partition the mentions. One that could be either belongs where its reader would put it first.",
    ),
    "DANGLING_MENTION": Fault(
        _E,
        "no mention has this id",
        "Name a mention of this document.",
        "An entity or a piece of evidence names a mention that does not exist.",
    ),
    "EMPTY_ENTITY": Fault(
        _E,
        "the entity has no mentions",
        "Remove it, or give it the mentions it stands for.",
        "An entity exists by being mentioned.",
    ),
    "MIXED_TYPES": Fault(
        _E,
        "the entity mixes types",
        "Split the cluster, or correct the types.",
        "One cluster has one type. A demonym that stands for its state may share the country's cluster, which then"
        " counts as the country.",
    ),
    "BAD_LINK": Fault(
        _E,
        "the link is neither a Wikidata id nor in the knowledge base",
        "Use a Wikidata id such as Q3766, an id of the corpus's kb.jsonl if it has one, or leave the link out.",
        "Links are Wikidata ids, ids of the corpus's own knowledge base, or absent.",
    ),
    "LINK_TWICE": Fault(
        _W,
        "two entities of the document have the same link",
        "Merge them, or correct one link.",
        "One thing of the world is one entity of the document.",
    ),
    # ------------------------------------------------------------ relations
    "UNKNOWN_RELATION": Fault(
        _E,
        "no such relation",
        "Use a relation of labels.toml, spelled as there.",
        "The label inventory does not hold this relation.",
    ),
    "UNKNOWN_FACTUALITY": Fault(
        _E,
        "no such factuality",
        "Use asserted, denied or prospective.",
        "The label inventory does not hold this factuality.",
    ),
    "DANGLING_ARGUMENT": Fault(
        _E,
        "no item has this id",
        "Name an entity or a mention of this document.",
        "A relation or a stance names an argument that does not exist.",
    ),
    "ARGUMENT_NOT_ENTITY": Fault(
        _E,
        "a relation of gold names no entity",
        "Name the entity; put the mentions into evidence.",
        "In gold and passes the arguments of relations are entities, and their evidence lists the mention pairs.",
    ),
    "SELF_RELATION": Fault(
        _E,
        "the relation joins an entity to itself",
        "Check the arguments, or the cluster.",
        "No relation of the inventory holds between a thing and itself.",
    ),
    "RELATION_DOMAIN": Fault(
        _E,
        "the head's type is outside the domain of the relation",
        "Check the direction, the type, or use another relation.",
        "labels.toml lists the types that may be the head.",
    ),
    "RELATION_RANGE": Fault(
        _E,
        "the tail's type is outside the range of the relation",
        "Check the direction, the type, or use another relation.",
        "labels.toml lists the types that may be the tail.",
    ),
    "DUPLICATE_RELATION": Fault(
        _E,
        "the relation stands twice",
        "Keep one, with the evidence of both.",
        "Type, head, tail and factuality together say which relation it is. In predictions a warning: the copy counts as"
        " predicted and matches nothing.",
    ),
    "SYMMETRIC_TWICE": Fault(
        _E,
        "a symmetric relation is stored in both directions",
        "Keep one direction.",
        "Symmetric relations are unordered and stored once.",
    ),
    "EXCLUDES": Fault(
        _E,
        "two asserted relations of this pair exclude each other",
        "Check which of the two the text asserts.",
        "labels.toml says which relations cannot both hold; denied and prospective ones are free.",
    ),
    "EVIDENCE_MISSING": Fault(
        _E,
        "the relation has no evidence",
        "List the mention pairs that express it.",
        "In gold and passes every relation lists each pair of head mention and tail mention that expresses it.",
    ),
    "EVIDENCE_ENTITY": Fault(
        _E,
        "an evidence mention is not of the relation's entity",
        "Name a mention of the head, then one of the tail.",
        "The pair is (head mention, tail mention), each from the cluster the relation names.",
    ),
    # ------------------------------------------------------------ stance
    "STANCE_SPAN_MISSING": Fault(
        _E,
        "the stance has no span",
        "Give start and end of the words that express it.",
        "A stance of gold or of a pass has exactly one span: the words that take the position.",
    ),
    "STANCE_NOT_MENTION": Fault(
        _E,
        "holder or target is no mention",
        "Name the mention; holder may also be AUTHOR or UNKNOWN.",
        "In gold and passes the source expression and the target expression are named, not their entities.",
    ),
    "UNKNOWN_POLARITY": Fault(
        _E,
        "no such polarity",
        "Use favor, against or neutral.",
        "The label inventory does not hold this polarity.",
    ),
    "UNKNOWN_BASIS": Fault(
        _E,
        "no such basis",
        "Use explicit or implied.",
        "The label inventory does not hold this basis.",
    ),
    "DUPLICATE_STANCE": Fault(
        _E,
        "the stance stands twice",
        "Keep one.",
        "Same holder, target, polarity and span. In predictions a warning: the copy counts as predicted and matches nothing.",
    ),
    # ------------------------------------------------------------ ingest and release
    "NO_TEXT": Fault(
        _E,
        "no article text was found",
        "Check that the file or the page holds an article, or give its text as .txt.",
        "In the file, after extraction, or in the JSONL record, there is nothing but white space.",
    ),
    "ANNOTATED_TEXT_CHANGED": Fault(
        _E,
        "the bytes changed under an annotated article",
        "Ingest them under another id, or take the annotation along by hand.",
        "Gold exists for the text as it was; offsets into the new text would be wrong. Nothing was written.",
    ),
    "ID_TAKEN": Fault(
        _E,
        "another article has this id",
        "Give an id with --id, or remove the other article.",
        "An article of this id exists and its raw bytes differ. Nothing was written.",
    ),
    "RAW_NAME": Fault(
        _E,
        "the file cannot be kept under its name",
        "Rename the file and ingest it again.",
        "A file is kept under raw/ by the name it came with. That name is taken by other bytes, is too long, begins"
        " with a dot, or has characters that could mislead a terminal or leave the folder. Nothing was written.",
    ),
    "ALREADY_INGESTED": Fault(
        _W,
        "these bytes are an article already",
        "Edit the article's metadata to change them; give --id to keep the text a second time.",
        "An article is taken once. The same bytes under another file name, or with other options, change nothing: the"
        " metadata stand as they are.",
    ),
    "RELEASE_STALE": Fault(
        _E,
        "the committed release is not what the gold builds",
        "Run newsgold corpus build and commit the result.",
        "build --check compares every generated file, byte for byte, with what gold and articles give today.",
    ),
    "RESULTS_STALE": Fault(
        _E,
        "the committed results are not what the submissions score",
        "Run newsgold benchmark leaderboard and commit the result.",
        "leaderboard --check compares results and page, byte for byte, with what the submissions score today.",
    ),
    "CARD_EDITED": Fault(
        _E,
        "a generated part of the card was edited by hand",
        "Move what you wrote outside of the markers and empty the part between them (of the front matter: remove these keys);"
        " newsgold corpus build fills it again.",
        "A generated part carries the beginning of its SHA-256. This one is neither empty nor what that sum says nor what would"
        " be written, so that somebody's words would be lost. Nothing was written.",
    ),
    "UNANSWERED": Fault(
        _E,
        "a question about the dataset has no answer that can be published",
        "Answer it in croissant.toml; say so where the answer is unknown.",
        "A release says in croissant.json how the data came about, what they may be used for and what is wrong with them. Only"
        " people can say that, in a text of their own for each question.",
    ),
    # ------------------------------------------------------------ a release that is read or published
    "VERSION_STEP": Fault(
        _E,
        "the version is less than the changes demand",
        "Give the version wanted, with --version; newsgold corpus diff shows what changed.",
        "A score says on which version it was made, so data may not change under a version, and what breaks comparisons must show"
        " in the number. A warning where the release in progress is built again under its number, an error where a number was"
        " given; REFERENCE.md, Versions, has the rule.",
    ),
    "TEXT_MISSING": Fault(
        _E,
        "no text that was given is the one that was annotated",
        "Get the text as it was published, and give it with --texts.",
        "What was given must have the recorded SHA-256, as it is or with other line ends, without blanks at the ends of lines,"
        " or with other blank space around the whole. Any other text would put the annotations on other words, so nothing was"
        " written.",
    ),
    "COMMITMENT": Fault(
        _E,
        "the sealed gold is not what was committed to",
        "Get the sealed file that was written with this release.",
        "The public release names the SHA-256 of a salt and the gold that it withholds. Gold, salt or commitment were changed, or"
        " belong to another release.",
    ),
    "BAD_CHECKSUMS": Fault(
        _E,
        "the list of checksums cannot be used",
        "Get the release again, or run newsgold corpus build.",
        "Each line is a SHA-256 in hex, two blanks and the path of a file of the release, as sha256sum writes it; each file"
        " once, and none outside the folder.",
    ),
    "CHECKSUM": Fault(
        _E,
        "the file is not the one that was released",
        "Get the release again; after a change of your own, run newsgold corpus build.",
        "Its bytes are not those that SHA256SUMS names: it was changed, exchanged for another file, or broke off while it was"
        " copied. No row is read, of no file.",
    ),
    "FILE_ADDED": Fault(
        _E,
        "a file was added to the release",
        "Remove it; after a change of your own, run newsgold corpus build.",
        "A file lies in a folder of the release, or looks like data, and SHA256SUMS does not name it. A reader that takes"
        " whole folders would read it as data.",
    ),
    "RELEASE_MIXED": Fault(
        _E,
        "the parts of the release do not belong together",
        "Get the release again; after a change of your own, run newsgold corpus build.",
        "VERSION, the card and every Parquet file state version, digest, columns and labels of the release they belong to, and"
        " the rows have that digest. Parts of two releases, or a card whose labels stand in another order, would be read wrong.",
    ),
    "TEXT_HELD_BACK": Fault(
        _E,
        "the text may not be passed on",
        "Publish what newsgold corpus build --standoff --out dist/public builds.",
        "The article is of unknown rights or its source names no open licence, and the release holds words of it. Nothing was"
        " sent.",
    ),
    # ------------------------------------------------------------ other formats
    "WRONG_FORMAT": Fault(
        _E,
        "the file is not of this format",
        "Import it with the format named, if one is.",
        "Nothing of the file was read. What it seems to be, by its name and its first bytes, is said; a guess is never acted on.",
    ),
    "BAD_RECORD": Fault(
        _E,
        "a line or a record is not as its format wants it",
        "Mend it in the file, or export again from the tool that wrote it.",
        "A column, a field or an argument is missing, or is of the wrong kind. The item is left out and the rest is read.",
    ),
    "NOT_JSONL": Fault(
        _W,
        "the file is one JSON value and not a record a line",
        "It was read as what it is; save it as JSONL, a record a line.",
        "Tools that read the first line only, or split at lines, fail on an array or on records that span lines.",
    ),
    "TOKENS_DIFFER": Fault(
        _E,
        "the tokens are not those of the text",
        "Export again; tokens and text must be of one version.",
        "A file gives a text and its tokens, and put one after the other the tokens are not the text, white space apart.",
    ),
    "TAG_SEQUENCE": Fault(
        _E,
        "the tags make no entity",
        "Begin each entity with B-, or name the scheme the file is written in.",
        "A tag continues an entity that does not run, or one of another type. Readers differ on what that means, so the"
        " entity is left out.",
    ),
    "SPAN_DISCONTINUOUS": Fault(
        _E,
        "the span has a gap",
        "Annotate one stretch of text, or two mentions.",
        "A mention covers one stretch of the text. Filling the gap would annotate words that nobody marked.",
    ),
    "GOLD_TAKEN": Fault(
        _E,
        "the document has other gold already",
        "Import into another folder, or with --out, and compare the two.",
        "The corpus holds gold of this document that differs from what was imported. Gold is never written over.",
    ),
    # ------------------------------------------------------------ Label Studio
    "LS_NOT_JSON_EXPORT": Fault(
        _E,
        "this is not Label Studio's JSON export",
        "Export as JSON; JSON_MIN, CSV, TSV and CONLL lose relations.",
        "Only the export type JSON (or a snapshot) carries region ids, per-region controls and relations.",
    ),
    "LS_NO_ANNOTATION": Fault(
        _W,
        "the task has no annotation",
        "Label and submit it; predictions are not annotations.",
        "The task was exported with predictions, drafts or nothing, or its only annotation was skipped.",
    ),
    "LS_CONFIG": Fault(
        _E,
        "the project runs on another labelling configuration",
        "Give the project what newsgold annotation config writes, or name its inventory with --labels.",
        "The configuration of a Label Studio project is generated from the inventory and not changed by hand: what another one"
        " holds could not be read back. Equal inventories give equal configurations, which are compared by their SHA-256.",
    ),
    "LS_UNKNOWN_LABEL": Fault(
        _E,
        "a label is not in the inventory",
        "Label with the generated configuration.",
        "The project runs on another labelling configuration, or on an older inventory.",
    ),
    "LS_UNKNOWN_ITEM": Fault(
        _E,
        "the item is of no kind the bridge knows",
        "Label with the generated configuration.",
        "A control that the generated configuration does not have. Nothing of it can be carried over, so it is refused.",
    ),
    "LS_REGION_ID": Fault(
        _E,
        "a region's id is unusable or shared, or a control belongs to no such region",
        "Delete the region in Label Studio and label it again.",
        "Per-region answers are joined to their region by id; an id used twice joins the wrong ones. The region's id"
        " becomes the item's id, so it must match [A-Za-z0-9_-]{1,64}; it is never renamed in silence.",
    ),
    "LS_LABELS": Fault(
        _E,
        "a region has no label, or more than one",
        "Give every region one type, and every mention one kind.",
        "Two types on one span are two regions; the generated configuration offers one choice.",
    ),
    "LS_NO_DOC_ID": Fault(
        _E,
        "the task does not name its article",
        "Make tasks with newsgold annotation tasks; they carry doc_id.",
        "The task's data has no doc_id, so nothing says which article was labelled.",
    ),
    "LS_NOT_CARRIED": Fault(
        _E,
        "Label Studio cannot carry the item",
        "Complete it first: newsgold corpus validate --role pass says what is missing.",
        "Read back, the item would be missing or different. In gold and passes an error; of a prediction the item is left"
        " out of the pre-annotations, and this is a warning.",
    ),
    "LS_FEWER": Fault(
        _E,
        "the new pass holds less than the one on file",
        "Import the whole export, or give --accept-loss if labels were taken back on purpose.",
        "The annotator's file has this document already, with more items in some layer, or with a layer that the new pass"
        " lacks. The pass on file is kept.",
    ),
    "LS_OFFSETS": Fault(
        _E,
        "the region does not fit the article",
        "Label it again on the present text.",
        "The offsets are out of range, reversed, or the stored surface stands elsewhere and no reading of the offsets"
        " explains it.",
    ),
    "LS_UTF16": Fault(
        _W,
        "the region's offsets counted UTF-16 units",
        "They were converted; the surface proves it.",
        "Label Studio before 1.23 and some tools count UTF-16 units. The slice fits only when read so, and did.",
    ),
    "LS_ENTITY": Fault(
        _E,
        "a mention lacks its entity id, or has two",
        "Give every mention one entity id.",
        "The control entity_id says which mentions are coreferent.",
    ),
    "LS_LINK": Fault(
        _E,
        "the mentions of one entity carry different links",
        "Give all the same link, or leave it on one.",
        "A link belongs to the entity; two different ones cannot both be right.",
    ),
    "LS_RELATION_UNLABELLED": Fault(
        _E,
        "a relation has no label",
        "Choose its label, or delete the arrow.",
        "Label Studio cannot require labels on relations, so an arrow may be left bare.",
    ),
    "LS_RELATION_DANGLING": Fault(
        _E,
        "a relation points to no region",
        "Delete it and draw it again.",
        "One end of the arrow names a region that the annotation does not have.",
    ),
    "LS_RELATION_ENDS": Fault(
        _E,
        "a relation joins regions that it cannot join",
        "Delete it and draw it again, from head to tail.",
        "Relations run from mention to mention, stance_holder and stance_target from a stance to a mention. Only symmetric"
        " relations may point both ways.",
    ),
    "LS_STANCE": Fault(
        _E,
        "a stance lacks its polarity, its holder or its target, or has two",
        "Complete the region's controls and arrows.",
        "Every stance region has one polarity, one target, and one holder, AUTHOR or UNKNOWN.",
    ),
    "LS_TITLE_TWICE": Fault(
        _E,
        "several projects have this title",
        "Rename or delete all but one in Label Studio.",
        "A project is found by its title; with two of them nothing says which one is meant.",
    ),
    "LS_TASK_TWICE": Fault(
        _E,
        "the project has several tasks of one article",
        "Keep the one that was worked on; delete the others in Label Studio.",
        "Somebody imported the article again, or copied the task. Work may be spread over the copies, so none is taken away.",
    ),
    "LS_BY": Fault(
        _E,
        "the pass is not by the annotator of the project",
        "Give passes of the named annotators, or push without --annotator.",
        "Annotators work in projects of their own, so that they do not see each other's work; a pass goes to its author's.",
    ),
    "LS_KEPT": Fault(
        _W,
        "the server's annotation differs from the one pushed",
        "Pull it; or delete it in Label Studio and push again.",
        "The pass was pushed before, and it or the annotation on the server has changed since. The server's is never"
        " overwritten.",
    ),
    "LS_GONE": Fault(
        _E,
        "what was pulled before is no longer on the server",
        "Restore it by pushing the pass, or give --accept-loss if it was deleted on purpose.",
        "A task or an annotation was deleted in Label Studio. The pass on file is kept, and so is the raw annotation, in the"
        " project's file of deleted ones.",
    ),
    "LS_EDITED": Fault(
        _W,
        "another user changed the annotation",
        "Ask its author whether the change stands.",
        "In Label Studio's open edition everybody may change everything; the annotation still counts as its author's.",
    ),
    "LS_TEXT": Fault(
        _E,
        "the task shows another text",
        "Push the present article again; labels made on another text are refused.",
        "The task's text, or its recorded hash, is not that of the article.",
    ),
    # ------------------------------------------------------------ lint
    "VERDICT_GONE": Fault(
        _W,
        "there is no such suspect",
        "Take the verdict out, or give mended as the decision if the gold was changed on its account.",
        "The suspect that was found right, or left open, does not come up any more: gold, text or inventory have changed, or the"
        " id is mistyped.",
    ),
    "VERDICT_STANDS": Fault(
        _W,
        "the verdict says mended, and the suspect still stands",
        "Mend the gold, or decide right or open and say why.",
        "A suspect that was mended does not come up any more. This one does, so the gold was not changed, or not there.",
    ),
    # ------------------------------------------------------------ adjudication
    "ADJ_PASS_MISSING": Fault(
        _W,
        "a pass lacks the document",
        "Import that annotator's pass, or leave it: the passes that are there are merged.",
        "Documents are merged over the passes that have them; agreement of two says less than agreement of three. One pass alone"
        " has nothing to be merged with, which is an error, and the document is left out.",
    ),
    "ADJ_UNDECIDED": Fault(
        _E,
        "nobody has decided the disputes of this document",
        "Adjudicate it and submit the task; drafts and skipped tasks decide nothing.",
        "The passes differ and none of the decided annotations is of this document, so no gold is written for it.",
    ),
    "ADJ_NO_RULE": Fault(
        _W,
        "no rule is given for a decision",
        "Name the rule in the note, as in: R5 D3: the hyphen separates.",
        "The record says no rule. Each of them is a candidate for a new hard case in the next version of the guidelines.",
    ),
    "ADJ_AGREED_DROPPED": Fault(
        _E,
        "an item that every pass has is not in the decided annotation",
        "Put it back, or give the reason in the note: RULE -ID: reason, with its id among the accepted items.",
        "Agreement is kept unless a rule is broken; what is missing without a word was more likely deleted by a slip.",
    ),
    "ADJ_ADDED": Fault(
        _E,
        "an item that no pass has is in the decided annotation",
        "Take it out, or give the reason in the note: RULE ID: reason, with its id there.",
        "An adjudicator may add what all annotators missed, but not without saying why.",
    ),
    "ADJ_UNKNOWN_ITEM": Fault(
        _E,
        "a reason is given for something that does not exist",
        "Name a dispute (D3), an item of one (D3.2), an item of the decided annotation, or -ID of an agreed item.",
        "Disputes and their items are numbered in the file of disputes; other ids are those of the decided annotation.",
    ),
    "ADJ_TWO_REASONS": Fault(
        _E,
        "two different reasons are given for one thing",
        "Keep one of them.",
        "Files of decisions, records and notes are read together; none of them takes precedence.",
    ),
    "ADJ_FILE_DIFFERS": Fault(
        _E,
        "another version of this file is there",
        "Compare the two; --force replaces it.",
        "Gold and records may hold what somebody wrote by hand, so they are replaced only when asked for. Nothing was written for"
        " this document.",
    ),
}
