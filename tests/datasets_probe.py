"""What ``datasets`` makes of a release, as JSON: run by the newest and by the oldest supported version of it.

python datasets_probe.py read CACHE FOLDER...    rows of every folder in turn, with one cache
python datasets_probe.py build CORPUS OUT        build the release here
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any


def read(cache: str, *folders: str) -> dict[str, Any]:
    import datasets
    import pyarrow

    import newsgold
    from newsgold.corpus.verify import digest_of

    datasets.disable_progress_bars()
    out: dict[str, Any] = {"datasets": datasets.__version__, "pyarrow": pyarrow.__version__, "folders": []}
    for folder in folders:
        loaded = newsgold.load(folder)
        assert loaded.release is not None
        seen: dict[str, Any] = {"digest": digest_of(loaded.release), "configs": {}}
        for config in loaded.release.configs:
            found = datasets.load_dataset(folder, config, cache_dir=cache)
            stream = datasets.load_dataset(folder, config, streaming=True)
            seen["configs"][config] = {split: part.to_list() for split, part in found.items()}
            streamed = {split: list(part) for split, part in stream.items()}
            assert streamed == seen["configs"][config], f"{config}: streaming gives other rows"
            assert {s: p.to_list() for s, p in loaded.to_datasets(config).items()} == streamed, f"{config}: to_datasets differs"
            assert {s: p.features for s, p in loaded.to_datasets(config).items()} == {s: p.features for s, p in found.items()}
        mentions = datasets.load_dataset(folder, "mentions", split="test", cache_dir=cache)
        numpy = mentions.with_format("numpy")[:]
        seen["numpy"] = {name: [str(numpy[name].dtype), numpy[name].tolist()] for name in ("start", "end", "type")}
        documents = datasets.load_dataset(folder, split="test", cache_dir=cache)
        seen["names"] = {
            f"{layer}.{name}": kind.names
            for layer in ("mentions", "relations", "stances")
            for name, kind in documents.features[layer].feature.items()
            if hasattr(kind, "names")
        }
        seen["version"] = str(documents.version)
        out["folders"].append(seen)
    return out


def build(corpus: str, out: str) -> dict[str, Any]:
    import pyarrow

    from newsgold.corpus import release

    return {"pyarrow": pyarrow.__version__, "digest": release.build(Path(corpus), version="1.0.0", out=Path(out)).digest}


def _no_network(*_: object) -> None:
    raise OSError("the network was asked for")


if __name__ == "__main__":
    socket.socket.connect = _no_network
    sys.stdout.write(json.dumps({"read": read, "build": build}[sys.argv[1]](*sys.argv[2:])) + "\n")
