"""Gold without text: which texts may be passed on, and releases that leave out the others."""

from __future__ import annotations

from newsgold.corpus.model import Article

OPEN_LICENCES = frozenset(
    {"CC0", "CC0-1.0", "CC BY 4.0", "CC-BY-4.0", "CC BY-SA 4.0", "CC-BY-SA-4.0", "PDDL-1.0", "public domain"}
)


def may_pass_on(article: Article) -> bool:
    """Whether the text of an article may be given to others: it is ours, or its source names an open licence."""
    return article.origin == "written" or (article.origin == "imported" and article.source.licence in OPEN_LICENCES)
