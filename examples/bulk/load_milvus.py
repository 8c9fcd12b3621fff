"""Loads the Parquet file of `corom embed` into Milvus.

    corom embed items.parquet vectors.parquet -m models/corom --column title --keep id --keep title
    python load_milvus.py vectors.parquet http://localhost:19530

The column `id` has whole numbers. A path in place of the address opens Milvus Lite.
"""

import sys

import pyarrow.parquet as pq
from pymilvus import MilvusClient


def load(path, client, collection="items"):
    """Inserts the rows batch by batch: memory does not depend on their number."""
    file = pq.ParquetFile(path)
    dimension = file.schema_arrow.field("embedding").type.list_size
    client.create_collection(
        collection, dimension=dimension, vector_field_name="embedding", metric_type="COSINE", auto_id=False
    )
    for batch in file.iter_batches(batch_size=1000):
        client.insert(collection, batch.to_pylist())


if __name__ == "__main__":
    path, address = sys.argv[1:]
    load(path, MilvusClient(address))
