"""Embeds a made-up catalog with the scripts of examples/bulk, and compares it with one machine bit by bit.

    python check_bulk_engines.py ray|spark COROM MODEL FOLDER [--kills]

The second run loses a worker and a command to SIGKILL, and has to give the same rows. --kills: only that run.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

engine, corom, model, folder, *options = sys.argv[1:]
root = Path(__file__).resolve().parents[2]
folder, corom = Path(folder), str(Path(corom).resolve())
PARTS, ROWS = 6, 400


def write_catalog():
    """Writes the partitions, and the vectors that one machine gives. Returns these."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "in").mkdir(parents=True)
    shutil.copytree(model, folder / "model")  # commands are found by this path
    words = ["阔腿裤", "女冬", "牛仔", "加绒", "iPhone 15", "耳机", "充电宝", "wide-leg jeans"]
    rows = range(PARTS * ROWS)
    titles = [" ".join(words[(n * k) % len(words)] for k in range(1, 3 + n % 9)) + f" {n}" for n in rows]
    table = pa.table({"sku": pa.array(rows, pa.int64()), "title": titles, "shop": ["x"] * len(titles)})
    for part in range(PARTS):
        pq.write_table(table.slice(part * ROWS, ROWS), folder / f"in/part-{part}.parquet", row_group_size=300)
    pq.write_table(table, folder / "all.parquet")
    options = ["-m", str(folder / "model"), "--column", "title", "--id", "sku"]
    subprocess.run([corom, "embed", folder / "all.parquet", folder / "all.npy", *options], check=True)
    return np.load(folder / "all.npy"), titles


def commands():
    """Yields the process and the parent of each command that runs with this model."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if words[:2] == [corom.encode(), b"embed"] and str(folder / "model").encode() in words:
                yield int(process.name), int((process / "stat").read_text().rsplit(") ", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue


def kill_some(ended, killed):
    """Kills the worker of the first command that is seen, then a later command."""
    while len(killed) < 2 and not ended.is_set():
        for process, parent in commands():
            if process in killed:
                continue
            time.sleep(0.1)  # in the middle of its work
            try:
                os.kill(process if killed else parent, signal.SIGKILL)
                killed.append(process)
            except ProcessLookupError:
                pass
            break
        time.sleep(0.05)


def run(out, faults):
    """Runs the engine's script. Returns the seconds."""
    # An address, which is copied, and a path.
    model = folder / "model" if faults else (folder / "model").resolve().as_uri()
    arguments = [folder / "in", out, "--model", model, "--column", "title", "--keep", "sku", "--keep", "title"]
    script = root / f"examples/bulk/embed_{engine}.py"
    if engine == "ray":
        command = [sys.executable, script, *arguments, "--command", corom, "--rows", str(ROWS)]
    else:
        submit = Path(sys.executable).parent / "spark-submit"
        stream = root / "examples/bulk/corom_stream.py"
        # Two cores; a task may fail four times, as on a cluster.
        command = [submit, "--master", "local[2,4]", "--py-files", stream, script, *arguments, "--command", corom]
    environment = os.environ | {
        "RAY_USAGE_STATS_ENABLED": "0", "PYSPARK_PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    ended, killed, started = threading.Event(), [], time.monotonic()
    watcher = threading.Thread(target=kill_some, args=(ended, killed))
    if faults:
        watcher.start()
    done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True)
    ended.set()
    if faults:
        watcher.join()
        assert len(killed) == 2, f"killed {killed}: the run was too short"
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    return time.monotonic() - started


def compare(out, vectors, titles):
    """Checks that the output has each row once, with the bits of one machine."""
    table = pa.dataset.dataset(out, format="parquet").to_table().sort_by("sku")
    assert table.column_names == ["sku", "title", "embedding"], table.schema
    assert table["sku"].to_pylist() == list(range(len(titles))), f"{len(table)} rows"
    assert table["title"].to_pylist() == titles
    column = table["embedding"].combine_chunks()
    assert column.null_count == 0
    assert column.flatten().to_numpy().tobytes() == vectors.tobytes()


def check_model_folder():
    """Checks that addresses have copies of their own, and that a model that is replaced is copied again."""
    sys.path.insert(0, str(root / "examples/bulk"))
    from corom_stream import model_folder

    copies = set()
    for name in ["a/b", "a_b"]:
        source = (folder / "sources" / name).resolve()
        shutil.copytree(model, source)
        copies.add(model_folder(source.as_uri(), folder / "copies"))
        assert model_folder(source.as_uri(), folder / "copies") in copies
    assert all((Path(copy) / "corom.json").read_bytes() == (Path(model) / "corom.json").read_bytes() for copy in copies)
    (source / "corom.json").write_text((source / "corom.json").read_text() + " ")
    copies.add(model_folder(source.as_uri(), folder / "copies"))
    assert len(copies) == 3, copies


vectors, titles = write_catalog()
check_model_folder()
for faults in [True] if options == ["--kills"] else [False, True]:
    out = folder / ("out-killed" if faults else "out")
    seconds = run(out, faults)
    compare(out, vectors, titles)
    print(f"{engine}: {len(titles)} rows{' with two kills' if faults else ''}, {seconds:.0f} s: the bits of one machine")
