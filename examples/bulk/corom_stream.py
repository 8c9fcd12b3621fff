"""Runs `corom embed --format arrow - -` for a series of record batches. Ray and Spark share this file.

Needs pyarrow, and the command on every node: `cargo install --path . --features cli,columnar`.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import threading
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.fs


def model_folder(source, cache="/tmp/corom-models"):
    """Copies a model folder to this node, once for all its workers. Returns the copy's path.

    `source` is a path, or an address that pyarrow.fs knows (s3://, gs://, hdfs://). A path is used where it is.
    """
    if "://" not in str(source):
        return str(source)
    system, folder = pa.fs.FileSystem.from_uri(source)
    # The manifest has the hashes of all files, so a model that is replaced is fetched again.
    name = hashlib.sha256(str(source).encode())
    manifest = f"{folder}/corom.json"
    if system.get_file_info(manifest).type == pa.fs.FileType.File:
        name.update(system.open_input_stream(manifest).read())
    target = Path(cache) / name.hexdigest()
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{target}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            part = f"{target}.part"
            shutil.rmtree(part, ignore_errors=True)
            os.makedirs(part)
            pa.fs.copy_files(folder, part, source_filesystem=system)
            os.rename(part, target)  # a worker that was killed leaves no half of a model
    return str(target)


def embed(batches, model, column, keep, command="corom", options=()):
    """Yields the batches of `batches` with a column `embedding`. Memory does not depend on their number.

    Raises an error if the command fails, so that the engine runs the task again.
    """
    batches = iter(batches)
    first = next(batches, None)
    if first is None:
        return
    arguments = [command, "embed", "-", "-", "--format", "arrow", "--model", model_folder(model), "--column", column]
    arguments += [part for name in keep for part in ("--keep", name)]
    process = subprocess.Popen([*arguments, "--threads", "1", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    failed = []

    def feed():
        try:
            with process.stdin as pipe, pa.ipc.new_stream(pipe, first.schema) as stream:
                for batch in chain([first], batches):
                    stream.write_batch(batch)
        except BrokenPipeError:
            pass  # the command ended early; its exit status says so
        except BaseException as error:
            failed.append(error)
            process.kill()

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        with pa.ipc.open_stream(process.stdout) as stream:
            yield from stream
    except pa.ArrowInvalid as error:
        failed.append(error)
    finally:
        process.stdout.close()  # a command whose output nobody reads ends
        status = process.wait()
        feeder.join()
    if failed or status != 0:
        raise RuntimeError(f"corom embed ended with status {status}") from (failed[0] if failed else None)
