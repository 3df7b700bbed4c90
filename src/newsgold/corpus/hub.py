"""The Hugging Face Hub through its own client: what it answers, in words that help.

The client is imported where it is used; it reads ``HF_ENDPOINT``, ``HF_HUB_OFFLINE``
and ``HF_HOME`` then. No message holds a token, nor an address that could carry a signature.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from newsgold.errors import FileFault, UsageError, quote

REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9._-]{1,96}")
_AGAIN = "Run it again: it goes on where it stopped."


def fetch(repo: str, revision: str | None) -> Path:
    """The folder in the client's cache that holds a dataset at a revision: a branch, a tag or a commit.

    Without a network, what the cache holds. A copy that is not whole is not noticed here: whoever reads it proves it.

    Raises:
        FileFault: the Hub cannot be reached, has no such dataset or revision, or stopped midway.
    """
    import huggingface_hub

    at = f"{repo} at {revision}" if revision else repo
    with asking(f"{at} could not be loaded"):
        return Path(huggingface_hub.snapshot_download(repo, repo_type="dataset", revision=revision))


def token() -> str:
    """The token to publish with, from the environment alone: a login on this machine is no leave to publish.

    With ``HF_OIDC_RESOURCE`` it is a token of an hour, for which the CI's proof of identity is exchanged.
    """
    if os.environ.get("HF_OIDC_RESOURCE"):
        import huggingface_hub

        with asking("the CI's identity could not be exchanged for a token"):
            return str(huggingface_hub.get_token())
    given = os.environ.get("HF_TOKEN", "").strip()
    if not given:
        raise UsageError("publishing needs a token that may write, in HF_TOKEN, or HF_OIDC_RESOURCE in a CI that the Hub trusts")
    if not re.fullmatch(r"[!-~]+", given):
        raise UsageError("HF_TOKEN holds blanks or line breaks, which no token has")
    return given


@contextmanager
def asking(failure: str, *, secret: str = "") -> Iterator[None]:
    """Turn what the client raises into a :class:`FileFault` that says what failed, why, and what to do."""
    from huggingface_hub import errors

    # what the client's transport raises has no public home of its own
    transport: type[Exception] = getattr(errors, "HTTPError", OSError)
    try:
        yield
    except (OSError, ValueError, RuntimeError, EOFError, transport, errors.OIDCError) as error:
        # the chain is cut: it holds requests with their headers
        raise FileFault(f"{failure}: {_explained(error, secret)}") from None


def _explained(error: BaseException, secret: str) -> str:
    from huggingface_hub import errors

    def shown(text: object) -> str:
        # an address may carry a signature; and a token must go before the text is cut to length
        said = re.sub(r"https?://\S+", "…", str(text)).strip()
        return quote(said.replace(secret, "***") if secret else said, 200)

    cause = error
    while not isinstance(cause, errors.HfHubHTTPError) and cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(error, errors.LocalEntryNotFoundError) and not isinstance(cause, errors.HfHubHTTPError):
        return (
            "the Hub cannot be reached, or HF_HUB_OFFLINE is set, and the cache does not hold it whole. Try again with a network."
        )
    meanings = {
        errors.OfflineModeIsEnabled: "HF_HUB_OFFLINE is set.",
        errors.GatedRepoError: "its owner must let you in first; ask on its page on the Hub.",
        errors.RevisionNotFoundError: "there is no such revision. Tags of releases look like v1.2.0.",
        errors.RepositoryNotFoundError: "the Hub has no dataset of this name, or the token may not see it. Check the name; a"
        " private one needs HF_TOKEN.",
    }
    for kind, meaning in meanings.items():
        if isinstance(cause, kind):
            return meaning
    if isinstance(cause, errors.HfHubHTTPError):
        return _status(cause, shown(getattr(cause, "server_message", None) or "it does not say why"))
    if isinstance(cause, (errors.HFValidationError, errors.OIDCError)):
        return shown(cause) + "."
    return f"the connection failed ({type(cause).__name__}: {shown(cause)}). {_AGAIN}"


def _status(error: Any, said: str) -> str:
    """What a status of HTTP means to the one who has to act on it."""
    response = error.response
    code = 0 if response is None else response.status_code
    wait = "" if response is None else response.headers.get("retry-after", "")
    meanings = {
        401: "the Hub does not know the token (401). It must be valid, and may write to this repository.",
        403: "the Hub refuses the token (403). It must be valid, and may write to this repository.",
        409: f"the Hub says that it is there already (409). {_AGAIN}",
        412: "the repository has moved on since it was looked at (412). See what was changed there, then run it again.",
        429: f"the Hub asks for fewer requests (429). Wait {wait if wait.isdecimal() else '300'} seconds, then run it again.",
    }
    if code >= 500:
        return f"the Hub failed ({code}). {_AGAIN}"
    return meanings.get(code, f"the Hub refuses it ({code}): {said}.")
