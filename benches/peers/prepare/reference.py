"""The texts that the harness embeds, and the vectors it must get:  reference.py MODEL_ONNX TOKENIZER_JSON TITLES_JSON COUNT OUT

Native onnxruntime in f32 is the reference, one text at a time, first row of the last layer (CLS). OUT has
`characters`: a string of Chinese characters that are one token each, and `character_ids`; `checks`: random
texts of exact lengths with `ids` and `vector`; `titles`: those of TITLES_JSON with `ids`, the first COUNT with `vector`.
"""

import json
import sys
from pathlib import Path

import numpy
import onnxruntime
from tokenizers import Tokenizer

LENGTHS = (8, 16, 32, 64, 128)
SEED = 7


def chinese(vocabulary):
    """The characters of the vocabulary's tokens that are one Chinese character."""
    tokens = [token for token in vocabulary if len(token) == 1 and "\u4e00" <= token <= "\u9fa5"]
    return sorted(tokens, key=vocabulary.get)


def embedder(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def embed(ids):
        row = numpy.array([ids], dtype=numpy.int64)
        feeds = {"input_ids": row, "attention_mask": row * 0 + 1, "token_type_ids": row * 0}
        return [round(float(x), 6) for x in session.run(["last_hidden_state"], feeds)[0][0, 0]]

    return embed


def main(model, tokenizer_json, titles_json, count, out):
    tokenizer = Tokenizer.from_file(tokenizer_json)
    tokenizer.no_padding()
    tokenizer.enable_truncation(128)
    embed = embedder(model)
    characters = chinese(tokenizer.get_vocab())
    generator = numpy.random.default_rng(SEED)

    checks = []
    for length in LENGTHS * 2:
        text = "".join(characters[i] for i in generator.integers(len(characters), size=length - 2))
        ids = tokenizer.encode(text).ids
        if len(ids) != length:
            sys.exit(f"{length - 2} characters became {len(ids)} tokens, not {length}")
        checks.append({"text": text, "ids": ids, "vector": embed(ids)})

    titles = []
    for number, text in enumerate(json.loads(Path(titles_json).read_text(encoding="utf-8"))):
        ids = tokenizer.encode(text).ids
        titles.append({"text": text, "ids": ids} | ({"vector": embed(ids)} if number < int(count) else {}))

    reference = {
        "characters": "".join(characters),
        "character_ids": [tokenizer.token_to_id(character) for character in characters],
        "special_ids": [tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]")],
        "checks": checks,
        "titles": titles,
    }
    Path(out).write_text(json.dumps(reference, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
