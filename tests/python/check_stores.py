"""Loads vectors with examples/bulk/load_qdrant.py and load_milvus.py, and searches for one of them.

    python check_stores.py COROM MODEL FOLDER

Qdrant's client and Milvus Lite run in this process.
"""

import json
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pymilvus import MilvusClient
from qdrant_client import QdrantClient

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples/bulk"))
import load_milvus
import load_qdrant

corom, model, folder = sys.argv[1:]
folder = Path(folder)
folder.mkdir(parents=True, exist_ok=True)
COUNT = 300
titles = [f"{'阔腿裤女冬牛仔'[: 2 + n % 6]} {n}" for n in range(COUNT)]
pq.write_table(pa.table({"id": range(COUNT), "title": titles}), folder / "items.parquet")
for name in ["items.npy", "items.jsonl", "vectors.parquet"]:
    options = ["--column", "title", "--id", "id", "--force"]
    subprocess.run([corom, "embed", folder / "items.parquet", folder / name, "-m", model, *options], check=True)
matrix = np.load(folder / "items.npy").astype(np.float64)
unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
cosines = np.sort(unit @ unit[7])[::-1]

client = QdrantClient(":memory:")
load_qdrant.load(folder / "items", client)
assert client.count("items").count == COUNT
found = client.query_points("items", query=matrix[7].tolist(), limit=3).points
assert np.allclose([point.score for point in found], cosines[:3], atol=1e-5), found
assert all(point.payload == {"id": point.id, "title": titles[point.id]} for point in found)
# Ids that are UUIDs.
uuids = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))) for n in range(COUNT)]
(folder / "items.ids.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in uuids))
load_qdrant.load(folder / "items", client, "uuids")
assert client.query_points("uuids", query=matrix[7].tolist(), limit=1).points[0].id == uuids[7]
print(f"qdrant: {COUNT} rows, with numbers and with UUIDs as ids")

(folder / "milvus.db").unlink(missing_ok=True)
client = MilvusClient(str(folder / "milvus.db"))
load_milvus.load(folder / "vectors.parquet", client)
found = client.search("items", data=[matrix[7].tolist()], limit=3, output_fields=["title", "embedding"])[0]
assert np.allclose([row["distance"] for row in found], cosines[:3], atol=1e-5), found
for row in found:
    entity = row["entity"]
    assert entity["title"] == titles[row["id"]]
    assert np.array(entity["embedding"], np.float32).tobytes() == matrix[row["id"]].astype(np.float32).tobytes()
assert int(client.get_collection_stats("items")["row_count"]) == COUNT
print(f"milvus: {COUNT} rows")

# The command of docs/guides/bulk.md.
program = '{id: (.id | tostring), values: .embedding, metadata: {title}}'
lines = subprocess.run(["jq", "-c", program, folder / "items.jsonl"], check=True, capture_output=True, text=True).stdout
rows = [json.loads(line) for line in lines.splitlines()]
assert [row["id"] for row in rows] == [str(n) for n in range(COUNT)]
assert np.array([row["values"] for row in rows], np.float32).tobytes() == matrix.astype(np.float32).tobytes()
assert [row["metadata"]["title"] for row in rows] == titles
print(f"vectorize: {COUNT} lines")
