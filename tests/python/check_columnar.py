"""Checks `corom embed` with Parquet files and Arrow streams against pyarrow.

    python check_columnar.py CHECK COROM MODEL FOLDER

FOLDER has titles.txt. Vectors are compared bit by bit with those of the .npy file that the command writes of the text
file. Texts are cut to 8 tokens, which takes a fifth of the time. Prints "checked" at the end.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

check, corom, model, folder = sys.argv[1:]
folder = Path(folder)
titles = (folder / "titles.txt").read_text("utf-8").split("\n")
count = len(titles)


def embed(source, target, *options, code=0, **more):
    """Runs the command. Returns standard error."""
    command = [corom, "embed", str(source), str(target), "-m", model, "--threads", "2", "--force", "--max-length", "8", *options]
    done = subprocess.run(command, capture_output=True, **more)
    errors = done.stderr.decode()
    assert done.returncode == code, (command, done.returncode, errors)
    return errors


def reference(kind="f32"):
    """Returns the vectors of titles.txt, and the scales of int8."""
    embed(folder / "titles.txt", folder / "ref.npy", "--vectors", kind)
    scales = np.load(folder / "ref.scales.npy") if kind == "int8" else None
    return np.load(folder / "ref.npy"), scales


def read(path):
    """Reads a Parquet file or an Arrow stream."""
    if path.suffix == ".parquet":
        return pq.read_table(path)
    with pa.ipc.open_stream(path) as stream:
        return stream.read_all()


def write(table, path, rows=50, **options):
    """Writes several row groups or batches."""
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=rows, **options)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table, rows)
    else:
        with pa.ipc.new_stream(path, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as stream:
            stream.write_table(table, rows)


def vectors(table):
    """Returns the column `embedding` as a matrix."""
    column = table["embedding"].combine_chunks()
    assert column.null_count == 0
    return column.flatten().to_numpy().reshape(len(table), -1)


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def check_vectors():
    """f32, f16 and int8 vectors are those of the text formats, as lists of a fixed size."""
    write(pa.table({"title": titles}), folder / "in.parquet")
    write(pa.table({"title": titles}), folder / "in.arrows")
    types = {"f32": pa.float32(), "f16": pa.float16(), "int8": pa.int8()}
    for kind, item in types.items():
        matrix, scales = reference(kind)
        for source in ["in.parquet", "in.arrows", "titles.txt"]:
            for target in [folder / "out.parquet", folder / "out.arrows"]:
                embed(folder / source, target, "--vectors", kind, "--window", "32")
                table = read(target)
                assert table.schema.field("embedding").type == pa.list_(item, matrix.shape[1]), table.schema
                assert same_bits(vectors(table), matrix), (kind, source, target)
                name = "text" if source == "titles.txt" else "title"
                assert table[name].to_pylist() == titles
                assert (kind == "int8") == ("scale" in table.column_names)
                if kind == "int8":
                    assert same_bits(table["scale"].to_numpy(), scales)
    # A row group per window, each with its statistics.
    file = pq.ParquetFile(folder / "out.parquet").metadata
    assert file.num_row_groups == (count + 31) // 32 and file.num_rows == count
    for at in range(file.num_row_groups):
        column = file.row_group(at).column(0)
        part = [title.encode() for title in titles[at * 32 : at * 32 + 32]]
        assert column.statistics.min.encode() <= min(part)
    assert pq.ParquetFile(folder / "out.parquet").read_row_group(1)["text"].to_pylist() == titles[32:64]


def check_types():
    """Texts and ids of every type are read, and ids keep their type."""
    matrix, _ = reference()
    texts = [
        pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(),
        pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.uint16(), pa.large_string()),
    ]
    numbers = list(range(count))
    ids = [
        (pa.int8(), numbers), (pa.int64(), [n - 2**63 for n in numbers]), (pa.uint64(), [2**64 - 1 - n for n in numbers]),
        (pa.uint8(), numbers), (pa.int32(), numbers), (pa.string(), [f"id{n}" for n in numbers]),
        (pa.string_view(), [f"a longer id than twelve bytes {n}" for n in numbers]),
        (pa.dictionary(pa.int32(), pa.string()), [f"id{n}" for n in numbers]),
    ]
    for text, (id_type, values) in zip(texts, ids):
        column = pa.array([t.encode() for t in titles] if "binary" in str(text) else titles, text)
        table = pa.table({"id": pa.array(values, id_type), "title": column})
        for name in ["in.parquet", "in.arrows", "in.arrow"]:
            if name == "in.arrow" and "view" in str(table.schema):
                continue
            # A dictionary of its own per batch.
            parts = [table.slice(at, 50).unify_dictionaries() for at in range(0, count, 50)]
            write(pa.concat_tables(parts), folder / name)
            options = ["--column", "title", "--id", "id", "--window", "32"]
            for target in [folder / "out.parquet", folder / "out.arrows"]:
                embed(folder / name, target, *options)
                out = read(target)
                assert same_bits(vectors(out), matrix), (text, name, target)
                kept = id_type.value_type if pa.types.is_dictionary(id_type) else id_type
                assert out.schema.field("id").type == kept, (name, target, out.schema)
                assert out["id"].to_pylist() == values
            embed(folder / name, folder / "out.npy", *options)
            assert [json.loads(line) for line in open(folder / "out.ids.jsonl")] == values
            assert same_bits(np.load(folder / "out.npy"), matrix)


def check_compressions():
    """Files with every compression are read."""
    matrix, _ = reference()
    for name in ["NONE", "SNAPPY", "GZIP", "BROTLI", "ZSTD", "LZ4"]:
        write(pa.table({"title": titles}), folder / "in.parquet", compression=name, data_page_version="2.0")
        embed(folder / "in.parquet", folder / "out.npy")
        assert same_bits(np.load(folder / "out.npy"), matrix), name
    for name in ["lz4", "zstd"]:
        write(pa.table({"title": titles}), folder / "in.arrows", compression=name)
        embed(folder / "in.arrows", folder / "out.npy")
        assert same_bits(np.load(folder / "out.npy"), matrix), name
        pa.feather.write_feather(pa.table({"title": titles}), folder / "in.arrow", compression=name, chunksize=50)
        embed(folder / "in.arrow", folder / "out.npy")
        assert same_bits(np.load(folder / "out.npy"), matrix), name


def check_others():
    """Columns of other types are repeated as they are; those that an output cannot hold are named."""
    some = lambda value: [None if n % 7 == 3 else value(n) for n in range(count)]
    table = pa.table({
        "title": titles,
        "price": pa.array(some(lambda n: n / 7), pa.float64()),
        "stock": pa.array(some(lambda n: n % 2 == 0), pa.bool_()),
        "day": pa.array(some(lambda n: n), pa.date32()),
        "time": pa.array(some(lambda n: n * 1000), pa.timestamp("us", "Asia/Shanghai")),
        "cost": pa.array(some(lambda n: n), pa.int32()).cast(pa.decimal128(20, 2)),
        "raw": pa.array(some(lambda n: bytes([n, 255])), pa.binary()),
        "tags": pa.array(some(lambda n: ["标签", None, str(n)][: n % 4]), pa.list_(pa.string())),
        "shop": pa.array(some(lambda n: {"name": f"店 {n}", "rank": n}), pa.struct([("name", pa.string()), ("rank", pa.int16())])),
        "attributes": pa.array(some(lambda n: [("颜色", "红")] * (n % 3)), pa.map_(pa.string(), pa.string())),
        "vector": pa.array(some(lambda n: [n, n + 0.5]), pa.list_(pa.float32(), 2)),
    })
    for name in ["in.parquet", "in.arrows"]:
        write(table, folder / name)
        for target in [folder / "out.parquet", folder / "out.arrows"]:
            embed(folder / name, target, "--column", "title", "--window", "32")
            out = read(target)
            for column in table.column_names:
                assert out[column].to_pylist() == table[column].to_pylist(), (name, target, column)
                if column not in ("tags", "attributes", "vector") or name != "in.parquet":
                    assert out.schema.field(column).type == table.schema.field(column).type, (name, target, column)
        errors = embed(folder / name, folder / "out.jsonl", "--column", "title", code=1)
        assert "the column `day` has the type Date32" in errors, errors
        embed(folder / name, folder / "out.jsonl", "--column", "title", "--keep", "price", "--keep", "stock")
        records = [json.loads(line) for line in open(folder / "out.jsonl")]
        for column in ["price", "stock"]:
            assert [record[column] for record in records] == table[column].to_pylist(), column
    union = pa.UnionArray.from_sparse(pa.array([0] * count, pa.int8()), [pa.array(titles)])
    ends = pa.RunEndEncodedArray.from_arrays(pa.array([count], pa.int32()), pa.array(["x"]))
    for other, word in [(union, "Union"), (ends, "RunEndEncoded")]:
        write(pa.table({"title": titles, "other": other}), folder / "in.arrows")
        errors = embed(folder / "in.arrows", folder / "out.parquet", "--column", "title", code=1)
        assert "the column `other` has the type" in errors and word in errors, errors
        embed(folder / "in.arrows", folder / "out.parquet", "--column", "title", "--keep", "title")
    interval = pa.array([pa.MonthDayNano([1, 2, 3])] * count)
    write(pa.table({"title": titles, "interval": interval}), folder / "in.arrows")
    errors = embed(folder / "in.arrows", folder / "out.parquet", "--column", "title", code=1)
    assert "the column `interval` has the type Interval(MonthDayNano), which Parquet cannot hold" in errors, errors
    embed(folder / "in.arrows", folder / "out.arrows", "--column", "title")
    assert read(folder / "out.arrows")["interval"].to_pylist() == interval.to_pylist()


def check_bad():
    """Null texts, null ids, empty ids and bytes that are not UTF-8 are bad rows."""
    matrix, _ = reference()
    texts = [title.encode() for title in titles]
    ids = [f"id{n}" for n in range(count)]
    texts[3], texts[70], ids[5], ids[100] = None, b"\xff\xfe", None, ""
    bad = {3: "has no text", 70: "is not UTF-8", 5: "has no id", 100: "has an empty id"}
    good = [n for n in range(count) if n not in bad]
    for name in ["in.parquet", "in.arrows"]:
        write(pa.table({"id": ids, "title": pa.array(texts, pa.binary())}), folder / name)
        options = ["--column", "title", "--id", "id", "--window", "32"]
        assert "row 3 has no text in the column `title`" in embed(folder / name, folder / "out.npy", *options, code=1)
        for target in [folder / "out.parquet", folder / "out.arrows"]:
            errors = embed(folder / name, target, *options, "--on-bad-row", "skip")
            for row, reason in bad.items():
                assert f"row {row} {reason}" in errors, errors
            out = read(target)
            assert out["id"].to_pylist() == [ids[n] for n in good]
            assert same_bits(vectors(out), matrix[good])
            embed(folder / name, target, *options, "--on-bad-row", "keep")
            out = read(target)
            assert out["id"].to_pylist() == ids and out["title"].to_pylist() == texts
            assert [n for n, vector in enumerate(out["embedding"].to_pylist()) if vector is None] == sorted(bad)
            kept = out.filter(out["embedding"].is_valid())
            assert same_bits(vectors(kept), matrix[good])


def check_memory():
    """600 MB of cells pass through a process that may have 800 MiB of address space."""
    long = "x" * 100_000
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (800 << 20, 800 << 20))
    schema = pa.schema([("title", pa.string()), ("other", pa.string())])
    with pq.ParquetWriter(folder / "in.parquet", schema, compression="zstd", use_dictionary=False) as file:
        for at in range(12):
            part = [f"{at} {n} {long}" for n in range(500)]
            file.write_table(pa.table({"title": ["耳机"] * 500, "other": part}, schema))
    with pa.ipc.new_stream(folder / "in.arrows", schema) as stream:
        for batch in pq.ParquetFile(folder / "in.parquet").iter_batches(batch_size=100):
            stream.write_batch(batch)
    for name in ["in.parquet", "in.arrows"]:
        embed(folder / name, folder / "out.parquet", "--column", "title", preexec_fn=limit)
        assert pq.ParquetFile(folder / "out.parquet").metadata.num_rows == 6000


globals()[f"check_{check}"]()
print("checked")
