"""Runs model folders of `corom convert` in onnxruntime and compares their vectors with golden ones.

    python check_onnxruntime.py FOLDER GOLDEN [FOLDER GOLDEN …] [--max-abs 1e-4] [--min-cosine 0.999]

Needs onnxruntime and numpy. GOLDEN is a golden.json with `input_ids` (token ids per text) and `vectors`
(one unnormalized vector per text, by pooling). Every pooling that the folder's graph can compute is
compared: f32 folders by the largest absolute difference, int8 folders by the smallest cosine. Each text
runs alone and in one padded batch; the two vectors must agree. The exit status is 0 if everything agrees.

Each folder runs twice: as written, and optimized by onnxruntime. An optimized int8 folder is compared with
--min-cosine-optimized only, because the optimizer may replace DequantizeLinear and MatMul by a kernel that
quantizes the activations too.

--same: the golden vectors were computed from this folder's quantized weights. They are compared by --max-abs
and --min-cosine whatever the dtype is, except for optimized int8.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def open_session(path: Path, optimize: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(session, rows: list[list[int]]) -> list[dict[str, np.ndarray]]:
    """Returns the outputs of each row by name, without padding."""
    length = max(map(len, rows))
    ids = np.zeros((len(rows), length), np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    values = session.run(None, feeds)
    names = [output.name for output in session.get_outputs()]
    return [{name: value[i, : len(row)] for name, value in zip(names, values)} for i, row in enumerate(rows)]


def pool(states: dict[str, np.ndarray], pooling: str, layers: int) -> np.ndarray | None:
    """Returns one text's vector, or None if the graph lacks a layer that the pooling needs."""
    last = states["last_hidden_state"]
    if pooling == "cls":
        return last[0]
    if pooling == "mean":
        return last.mean(0)
    other = {"avg_top2": layers - 1, "avg_first_last": 1}.get(pooling)
    second = last if other == layers else states.get(f"hidden_states.{other}")
    return None if second is None else ((last + second) / 2).mean(0)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def check(folder: Path, golden: dict, optimize: bool, limits: argparse.Namespace) -> list[str]:
    """Returns the failures of one folder."""
    manifest = json.loads((folder / "corom.json").read_text(encoding="utf-8"))
    layers = json.loads((folder / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"]
    session = open_session(folder / "model.onnx", optimize)
    rows = golden["input_ids"]
    alone = [run(session, [row])[0] for row in rows]
    together = run(session, rows)
    rounds = manifest["dtype"] == "int8" and optimize
    exact = manifest["dtype"] == "f32" or (limits.same and not rounds)
    least = limits.min_cosine_optimized if rounds else limits.min_cosine
    compared, failures = [], []
    for pooling, expected in golden["vectors"].items():
        vectors = [pool(states, pooling, layers) for states in alone]
        batched = [pool(states, pooling, layers) for states in together]
        if any(vector is None for vector in vectors):
            continue
        vectors, batched, expected = np.stack(vectors), np.stack(batched), np.asarray(expected)
        compared.append(pooling)
        apart = float(np.abs(vectors - batched).max())
        difference = float(np.abs(vectors - expected).max())
        cosine = cosines(vectors, expected)
        print(
            f"{folder.name}: {manifest['dtype']} {'optimized' if optimize else 'as written'} {pooling}: {len(rows)} texts, "
            f"max abs {difference:.2e}, cosine mean {cosine.mean():.6f} worst {cosine.min():.6f}, "
            f"alone and batched differ by {apart:.1e}"
        )
        if exact and not difference <= limits.max_abs:
            failures.append(f"{pooling}: max abs {difference:.2e} > {limits.max_abs:.2e}")
        if not cosine.min() >= least:
            failures.append(f"{pooling}: cosine {cosine.min():.6f} < {least}")
        if not apart <= 1e-4:
            failures.append(f"{pooling}: a padded batch differs by {apart:.1e}")
    if manifest["pooling"] not in compared:
        failures.append(f"the folder's own pooling {manifest['pooling']} was not compared")
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", type=Path, nargs="+", metavar="FOLDER GOLDEN")
    parser.add_argument("--max-abs", type=float, default=1e-4, help="largest difference allowed in f32")
    parser.add_argument("--min-cosine", type=float, default=0.999, help="smallest cosine allowed")
    parser.add_argument("--min-cosine-optimized", type=float, default=0.997, help="smallest cosine allowed in optimized int8")
    parser.add_argument("--same", action="store_true", help="the golden vectors were computed from this folder")
    limits = parser.parse_args()
    if len(limits.paths) % 2:
        parser.error("every FOLDER needs a GOLDEN")
    failed = False
    for folder, golden in zip(limits.paths[::2], limits.paths[1::2]):
        values = json.loads(golden.read_text(encoding="utf-8"))
        for optimize in (False, True):
            for failure in check(folder, values, optimize, limits):
                print(f"{folder.name}: FAILED: {failure}", file=sys.stderr)
                failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
