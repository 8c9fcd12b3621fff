"""Embeds a partitioned Parquet catalog with Ray Data.

    python embed_ray.py IN OUT --model models/corom --column title --keep sku --keep title

IN and OUT are folders that every node reaches. On a cluster: `ray job submit -- python embed_ray.py …`.
"""

import argparse
from pathlib import Path

import pyarrow as pa
import ray

from corom_stream import embed

parser = argparse.ArgumentParser()
parser.add_argument("input")
parser.add_argument("output")
parser.add_argument("--model", required=True)
parser.add_argument("--column", required=True)
parser.add_argument("--keep", action="append", required=True, help="a column of the output; may be repeated")
parser.add_argument("--command", default="corom")
parser.add_argument("--on-bad-row", choices=["stop", "skip", "keep"], default="stop", help="a row without a text")
parser.add_argument("--rows", type=int, default=65536, help="rows per task: each loads the model once")
arguments = parser.parse_args()
options = ["--on-bad-row", arguments.on_bad_row]


def embed_table(table):
    """Embeds the rows of a task."""
    batches = embed(
        table.to_batches(), arguments.model, arguments.column, arguments.keep, arguments.command, options
    )
    return pa.Table.from_batches(batches)


# corom_stream.py goes to the workers.
ray.init(runtime_env={"working_dir": str(Path(__file__).parent)})
ray.data.DataContext.get_current().execution_options.preserve_order = True
rows = ray.data.read_parquet(arguments.input, columns=list(dict.fromkeys([*arguments.keep, arguments.column])))
# A task takes one core. A worker that is killed, and a command that fails, run again on another.
vectors = rows.map_batches(
    embed_table,
    batch_size=arguments.rows,
    batch_format="pyarrow",
    num_cpus=1,
    max_retries=5,
    retry_exceptions=True,
)
vectors.write_parquet(arguments.output)
