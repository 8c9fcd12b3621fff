"""Loads the array and the JSONL of `corom embed` into Qdrant.

    corom embed items.tsv items.npy -m models/corom --header --column title --id id
    corom embed items.tsv items.jsonl -m models/corom --header --column title --id id
    python load_qdrant.py items http://localhost:6333

Qdrant's ids are whole numbers from 0 on, or UUIDs. `:memory:` in place of the address tries it without a server.
"""

import json
import sys

import numpy as np
from qdrant_client import QdrantClient, models


def load(stem, client, collection="items"):
    """Loads STEM.npy with the ids of STEM.ids.jsonl and the fields of STEM.jsonl."""
    vectors = np.load(f"{stem}.npy", mmap_mode="r")  # does not read the file into memory
    size = models.VectorParams(size=vectors.shape[1], distance=models.Distance.COSINE)
    client.create_collection(collection, vectors_config=size)
    ids = (int(id) if str(id).isdigit() else id for id in map(json.loads, open(f"{stem}.ids.jsonl")))
    fields = (json.loads(line) for line in open(f"{stem}.jsonl"))
    payload = ({name: value for name, value in row.items() if name != "embedding"} for row in fields)
    client.upload_collection(collection, vectors=vectors, ids=ids, payload=payload)


if __name__ == "__main__":
    stem, address = sys.argv[1:]
    load(stem, QdrantClient(":memory:") if address == ":memory:" else QdrantClient(url=address))
