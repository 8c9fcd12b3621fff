"""A BERT-base checkpoint of random weights, in Hugging Face's layout:  base_checkpoint.py TOKENIZER_JSON OUT [KIND]

KIND is `base` (default), `reranker` or `tiny`. `reranker` is a cross-encoder: a BertForSequenceClassification with one label. `tiny` has the
shape of BERT-tiny, for processors that emulate a GPU.

The weights are normal with BERT's own deviation for a start (0.02) and the LayerNorms near 1, so that the numbers
have a trained model's size; the vocabulary is that of TOKENIZER_JSON. The same bytes in every run.
"""

import json
import sys
from pathlib import Path

import numpy
from safetensors.numpy import save_file

SEED = 20251124
DEVIATION = 0.02
CONFIG = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 768,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "pad_token_id": 0,
    "type_vocab_size": 2,
}

TINY = {"hidden_size": 128, "intermediate_size": 512, "num_attention_heads": 2, "num_hidden_layers": 2}


def tensors(config, is_reranker):
    """Returns every tensor of a BERT encoder by name, and with `is_reranker` those of its pooler and its classifier."""
    generator = numpy.random.default_rng(SEED)
    hidden, wide = config["hidden_size"], config["intermediate_size"]

    def normal(*shape, mean=0.0):
        values = generator.standard_normal(shape, dtype=numpy.float32)
        return values * numpy.float32(DEVIATION) + numpy.float32(mean)

    named = {}

    def linear(name, inputs, outputs):
        named[f"{name}.weight"] = normal(outputs, inputs)
        named[f"{name}.bias"] = normal(outputs)

    def norm(name):
        named[f"{name}.weight"] = normal(hidden, mean=1.0)
        named[f"{name}.bias"] = normal(hidden)

    rows = {"word": "vocab_size", "position": "max_position_embeddings", "token_type": "type_vocab_size"}
    for kind, size in rows.items():
        named[f"embeddings.{kind}_embeddings.weight"] = normal(config[size], hidden)
    norm("embeddings.LayerNorm")
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            linear(f"{layer}.attention.self.{part}", hidden, hidden)
        linear(f"{layer}.attention.output.dense", hidden, hidden)
        norm(f"{layer}.attention.output.LayerNorm")
        linear(f"{layer}.intermediate.dense", hidden, wide)
        linear(f"{layer}.output.dense", wide, hidden)
        norm(f"{layer}.output.LayerNorm")
    if is_reranker:
        linear("pooler.dense", hidden, hidden)
        named = {f"bert.{name}": tensor for name, tensor in named.items()}
        linear("classifier", hidden, 1)
    return named


def main(tokenizer_json, out, kind="base"):
    out = Path(out)
    is_reranker = kind == "reranker"
    out.mkdir(parents=True, exist_ok=True)
    vocabulary = json.loads(Path(tokenizer_json).read_text(encoding="utf-8"))["model"]["vocab"]
    tokens = sorted(vocabulary, key=vocabulary.get)
    if [vocabulary[token] for token in tokens] != list(range(len(tokens))):
        sys.exit(f"{tokenizer_json}: the token ids are not 0, 1, 2 …")
    config = CONFIG | {"vocab_size": len(tokens)} | (TINY if kind == "tiny" else {})
    if is_reranker:
        config |= {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "LABEL_0"}}
    (out / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    save_file(tensors(config, is_reranker), out / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main(*sys.argv[1:])
