"""Runs what the tests send, in a process whose client knows the loopback Hub from its environment.

One JSON line in: ``{"code", "env"}``; one out: ``{"value", "error", "findings", "printed"}``. The client's waits between
its retries are left out; everything else of it is real.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
from importlib import import_module
from types import SimpleNamespace


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    waits = SimpleNamespace(sleep=lambda seconds: None, monotonic=time.monotonic, time=time.time)
    for module in ("utils._http", "file_download"):
        import_module(f"huggingface_hub.{module}").time = waits
    for line in sys.stdin:
        asked = json.loads(line)
        os.environ.pop("HF_TOKEN", None)
        os.environ.pop("HF_OIDC_RESOURCE", None)
        os.environ.pop("HF_OIDC_ID_TOKEN", None)
        os.environ.update(asked["env"])
        space: dict[str, object] = {"value": None}
        said: dict[str, object] = {"error": None, "findings": []}
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                exec(asked["code"], space)
            except Exception as error:
                import traceback

                said = {
                    "error": f"{type(error).__name__}: {error}",
                    "findings": [[f.code, f.path] for f in getattr(error, "findings", ())],
                }
                traceback.print_exc()
        out.write(json.dumps({"value": space["value"], "printed": printed.getvalue(), **said}) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
