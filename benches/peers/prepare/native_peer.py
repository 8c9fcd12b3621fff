"""onnxruntime's side of the native comparison:  native_peer.py MODEL_ONNX TOKENIZER_JSON

Reads commands from standard input and writes a line per command, like benches/native:

text TEXT             adds a text; the line is the number of texts
embed THREADS TOKENS  embeds all texts in padded batches of at most TOKENS tokens, texts of like length together, or one by
                      one with TOKENS 0; the line is the time in milliseconds, tokenizing included
vector NUMBER         gives the vector of a text of the last run: the first row of the last layer (CLS), not normalized

The first line is onnxruntime's version.
"""

import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy
import onnxruntime
from tokenizers import Tokenizer


def session_with(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def batches_of(lengths, limit):
    """Groups the numbers of texts, shortest first, so that a padded batch has at most `limit` tokens."""
    batch = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[number] > limit:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def embed(session, tokenizer, texts, limit):
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    vectors = [None] * len(texts)
    for batch in batches_of([len(row) for row in ids], limit):
        width = max(len(ids[number]) for number in batch)
        rows, mask = numpy.zeros((2, len(batch), width), numpy.int64)
        for at, number in enumerate(batch):
            length = len(ids[number])
            rows[at, :length] = ids[number]
            mask[at, :length] = 1
        feeds = {"input_ids": rows, "attention_mask": mask, "token_type_ids": numpy.zeros_like(rows)}
        (hidden,) = session.run(["last_hidden_state"], feeds)
        for at, number in enumerate(batch):
            vectors[number] = hidden[at, 0]
    return vectors


def main(model, tokenizer_json):
    tokenizer = Tokenizer.from_file(tokenizer_json)
    tokenizer.no_padding()
    tokenizer.enable_truncation(128)
    sessions, texts, vectors = {}, [], []
    print(onnxruntime.__version__, flush=True)
    for line in sys.stdin:
        command, _, rest = line.rstrip("\n").partition(" ")
        if command == "text":
            texts.append(rest)
            print(len(texts), flush=True)
        elif command == "embed":
            threads, limit = map(int, rest.split())
            if threads not in sessions:
                sessions[threads] = session_with(model, threads)
            start = time.perf_counter()
            vectors = embed(sessions[threads], tokenizer, texts, limit)
            print(f"{(time.perf_counter() - start) * 1e3:.3f}", flush=True)
        elif command == "vector":
            print(json.dumps([float(x) for x in vectors[int(rest)]]), flush=True)
        else:
            sys.exit(f"unknown command: {line}")


if __name__ == "__main__":
    main(*sys.argv[1:])
