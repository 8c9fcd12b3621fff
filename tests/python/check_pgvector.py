"""Loads vectors into PostgreSQL with examples/bulk/load_pgvector.sql, and compares them bit by bit.

    python check_pgvector.py COROM MODEL FOLDER

psql has to find the server by its variables: PGHOST, PGUSER.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

corom, model, folder = sys.argv[1:]
folder, root = Path(folder), Path(__file__).resolve().parents[2]
COUNT = 500

rows = [f"sku{n}\t{'阔腿裤女冬牛仔'[: 2 + n % 6]} \"{n}\" \\{n}" for n in range(COUNT)]
(folder / "items.tsv").write_text("sku\ttitle\n" + "\n".join(rows) + "\n", "utf-8")


def embed(target, *options):
    arguments = ["-m", model, "--header", "--column", "title", "--id", "sku", "--force", *options]
    subprocess.run([corom, "embed", folder / "items.tsv", folder / target, *arguments], check=True)


def psql(*arguments, **more):
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


for vectors, kind in [("f32", "vector"), ("f16", "halfvec")]:
    embed("items.npy", "--vectors", vectors)
    embed("items.jsonl", "--vectors", vectors)
    matrix = np.load(folder / "items.npy")
    database = f"shop_{kind}"
    psql("-c", f"CREATE DATABASE {database}", "postgres")
    script = root / "examples/bulk/load_pgvector.sql"
    with open(folder / "items.jsonl") as lines:
        psql("-v", f"dimension={matrix.shape[1]}", "-v", f"type={kind}", "-f", script, database, stdin=lines)
    select = "SELECT sku, title, embedding FROM items ORDER BY substr(sku, 4)::int"
    found = [line.split("\t") for line in psql("-A", "-t", "-F", "\t", "-c", select, database).splitlines()]
    assert [f"{sku}\t{title}" for sku, title, _ in found] == rows
    loaded = np.array([[float(x) for x in vector[1:-1].split(",")] for _, _, vector in found], matrix.dtype)
    assert loaded.tobytes() == matrix.tobytes(), f"{kind}: other numbers"
    # The exact nearest ten of a row, without the index.
    order = "SET enable_indexscan = off; SELECT sku FROM items ORDER BY embedding <=> (SELECT embedding FROM items WHERE sku = 'sku7'), sku LIMIT 10"
    nearest = psql("-A", "-t", "-c", order, database).split()
    wide = matrix.astype(np.float64)
    cosines = wide @ wide[7] / np.linalg.norm(wide, axis=1) / np.linalg.norm(wide[7])
    assert cosines[[int(sku[3:]) for sku in nearest]].min() >= np.sort(cosines)[-10] - 1e-9, nearest
    assert "Index Scan" in psql("-c", f"SET enable_seqscan = off; EXPLAIN SELECT * FROM items ORDER BY embedding <=> '{found[0][2]}' LIMIT 5", database)
    print(f"pgvector: {COUNT} rows of {kind}, read back bit by bit")
