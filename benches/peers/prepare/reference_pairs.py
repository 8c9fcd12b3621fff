"""Pairs of texts of an exact length, and the logits that a reranker must give:  reference_pairs.py MODEL_ONNX TOKENIZER_JSON OUT

Native onnxruntime in f32 is the reference, one pair at a time. OUT has the `vocabulary` of reference.py, and `checks`:
pairs with `query`, `document`, `ids`, `types` and `logit`.
"""

import json
import sys
from pathlib import Path

import numpy
import onnxruntime
from tokenizers import Tokenizer

from reference import chinese

QUERY_CHARACTERS, DOCUMENT_CHARACTERS = 10, 30
CHECKS = 20
SEED = 11


def main(model, tokenizer_json, out):
    tokenizer = Tokenizer.from_file(tokenizer_json)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    characters = chinese(tokenizer.get_vocab())
    generator = numpy.random.default_rng(SEED)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def text(count):
        return "".join(characters[i] for i in generator.integers(len(characters), size=count))

    checks = []
    for _ in range(CHECKS):
        query, document = text(QUERY_CHARACTERS), text(DOCUMENT_CHARACTERS)
        encoded = tokenizer.encode(query, document)
        if len(encoded.ids) != QUERY_CHARACTERS + DOCUMENT_CHARACTERS + 3:
            sys.exit(f"the pair has {len(encoded.ids)} tokens")
        rows = [numpy.array([row], dtype=numpy.int64) for row in (encoded.ids, encoded.attention_mask, encoded.type_ids)]
        feeds = dict(zip(("input_ids", "attention_mask", "token_type_ids"), rows))
        logit = float(session.run(["logits"], feeds)[0][0, 0])
        checks.append({"query": query, "document": document, "ids": encoded.ids, "types": encoded.type_ids, "logit": logit})
    vocabulary = {
        "characters": "".join(characters),
        "character_ids": [tokenizer.token_to_id(character) for character in characters],
        "special_ids": [tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]")],
    }
    lengths = {"query": QUERY_CHARACTERS, "document": DOCUMENT_CHARACTERS}
    Path(out).write_text(json.dumps({"vocabulary": vocabulary, "lengths": lengths, "checks": checks}, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
