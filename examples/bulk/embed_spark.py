"""Embeds a partitioned Parquet catalog with Spark.

    spark-submit --py-files corom_stream.py embed_spark.py IN OUT \\
        --model models/corom --column title --keep sku --keep title

IN and OUT are folders that every node reaches.
"""

import argparse

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.types import ArrayType, FloatType, StructField, StructType

from corom_stream import embed

parser = argparse.ArgumentParser()
parser.add_argument("input")
parser.add_argument("output")
parser.add_argument("--model", required=True)
parser.add_argument("--column", required=True)
parser.add_argument("--keep", action="append", required=True, help="a column of the output; may be repeated")
parser.add_argument("--command", default="corom")
parser.add_argument("--on-bad-row", choices=["stop", "skip", "keep"], default="stop", help="a row without a text")
arguments = parser.parse_args()
options = ["--on-bad-row", arguments.on_bad_row]


def embed_partition(batches):
    """Embeds the rows of a partition. Spark has no lists of a fixed size."""
    for batch in embed(batches, arguments.model, arguments.column, arguments.keep, arguments.command, options):
        vectors = batch["embedding"].cast(pa.list_(pa.float32()))
        yield batch.set_column(batch.num_columns - 1, "embedding", vectors)


spark = SparkSession.builder.appName("corom embed").getOrCreate()
rows = spark.read.parquet(arguments.input).select(*dict.fromkeys([*arguments.keep, arguments.column]))
kept = [field for field in rows.schema.fields if field.name in arguments.keep]
schema = StructType([*kept, StructField("embedding", ArrayType(FloatType()))])
# A task takes one partition, and loads the model once. Spark runs a task that fails again, four times by default.
rows.mapInArrow(embed_partition, schema).write.parquet(arguments.output)
spark.stop()
