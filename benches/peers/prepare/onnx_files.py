"""The peers' files from a model folder that `corom convert --dtype f32` wrote:  onnx_files.py FOLDER OUT

OUT/f32.onnx             the same graph in one file, spelled as PyTorch exports it where onnxruntime's tools look for that
OUT/int8.onnx            onnxruntime's dynamic quantization of it: int8 weights per output channel
OUT/int8-optimised.onnx  the same after onnxruntime's own transformer optimizer
OUT/hub/                 transformers.js's layout: config.json, tokenizer.json, onnx/model_quantized.onnx
OUT/summary.json         each file's bytes and operators, so that a report can say what was compared
"""

import json
import logging
import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer


# As a tokenizer_config.json of a BERT has them: without a padding token transformers.js can't make a batch.
SPECIAL_TOKENS = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}


def whole_weights(model):
    """Joins weights that a Concat node joins at run time: onnxruntime's quantizer skips those."""
    graph = model.graph
    weights = {weight.name: weight for weight in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "Concat"]:
        if all(name in weights for name in node.input):
            pieces = [numpy_helper.to_array(weights[name]) for name in node.input]
            joined = numpy.concatenate(pieces, axis=node.attribute[0].i)
            graph.initializer.append(numpy_helper.from_array(joined, node.output[0]))
            graph.node.remove(node)
            for name in node.input:
                graph.initializer.remove(weights[name])
    return model


def mask_in_two_steps(model):
    """The mask gains its two axes one after the other, as PyTorch exports it: onnxruntime fuses attention only then."""
    graph = model.graph
    (unsqueeze,) = [node for node in graph.node if node.op_type == "Unsqueeze" and node.input[0] == "attention_mask"]
    at = list(graph.node).index(unsqueeze)
    for axis in (1, 2):
        graph.initializer.append(numpy_helper.from_array(numpy.array([axis]), f"mask.axis.{axis}"))
    first = helper.make_node("Unsqueeze", ["attention_mask", "mask.axis.1"], ["mask.step"], "/attention_mask/Unsqueeze_1")
    second = helper.make_node("Unsqueeze", ["mask.step", "mask.axis.2"], list(unsqueeze.output), unsqueeze.name)
    graph.node.remove(unsqueeze)
    graph.initializer.remove(next(weight for weight in graph.initializer if weight.name == unsqueeze.input[1]))
    graph.node.insert(at, second)
    graph.node.insert(at, first)
    return model


def quantize(source, target):
    # The types of what its own operators give are unknown to ONNX's shape inference.
    known = {"DefaultTensorType": onnx.TensorProto.FLOAT}
    quantize_dynamic(source, target, per_channel=True, weight_type=QuantType.QInt8, extra_options=known)


def optimize(source, target, config):
    model = optimizer.optimize_model(
        str(source),
        model_type="bert",
        num_heads=config["num_attention_heads"],
        hidden_size=config["hidden_size"],
        opt_level=0,  # 1 asks onnxruntime to fold constants first: there are none to fold, and it would import torch
    )
    fused = model.get_fused_operator_statistics()
    layers = config["num_hidden_layers"]
    attentions = fused.get("Attention", 0) + fused.get("MultiHeadAttention", 0)
    norms = fused.get("SkipLayerNormalization", 0)
    # A peer that is measured unfused would be measured unfairly.
    if attentions != layers or norms < 2 * layers - 1:
        sys.exit(f"the transformer optimizer fused {dict(fused)}: not every one of the {layers} layers")
    model.save_model_to_file(str(target))


def hub_folder(folder, quantized, target):
    (target / "onnx").mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(folder / name, target / name)
    beside = folder / "tokenizer_config.json"
    settings = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else {}
    settings = SPECIAL_TOKENS | {"tokenizer_class": "BertTokenizer", "model_max_length": 512} | settings
    (target / "tokenizer_config.json").write_text(json.dumps(settings) + "\n", encoding="utf-8")
    link = target / "onnx/model_quantized.onnx"
    link.unlink(missing_ok=True)
    os.link(quantized, link)


def describe(file):
    graph = onnx.load(file, load_external_data=False).graph
    operators = Counter(node.op_type for node in graph.node)
    return {"bytes": file.stat().st_size, "operators": dict(operators.most_common())}


def main(folder, out):
    logging.disable(logging.WARNING)
    folder, out = Path(folder), Path(out)
    out.mkdir(parents=True, exist_ok=True)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    whole, quantized, optimized = out / "f32.onnx", out / "int8.onnx", out / "int8-optimised.onnx"
    onnx.save_model(mask_in_two_steps(whole_weights(onnx.load(folder / "model.onnx"))), whole)
    quantize(whole, quantized)
    between = out / "f32-optimised.onnx"
    optimize(whole, between, config)
    quantize(between, optimized)
    between.unlink()
    hub_folder(folder, quantized, out / "hub")
    summary = {file.stem: describe(file) for file in (whole, quantized, optimized)}
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
