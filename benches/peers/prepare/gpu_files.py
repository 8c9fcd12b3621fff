"""Files for onnxruntime-web's WebGPU provider, from a folder that `corom convert --dtype f32` wrote:  gpu_files.py FOLDER OUT

OUT/f32.onnx                 the f32.onnx of onnx_files.py, with all rows as output
OUT/gpu/f32-plain.onnx       the same operators
OUT/gpu/f32-attention.onnx   with onnxruntime's fused operators: Attention, SkipLayerNormalization, BiasGelu
OUT/gpu/f32-mha.onnx         with MultiHeadAttention instead, whose mask is a bias: WebGPU has no other
OUT/gpu/f16-mha.onnx         the same in half floats
OUT/gpu/q4-mha.onnx          f32-mha.onnx with 4-bit weights in blocks of 32 (MatMulNBits), products of int8 (accuracy level 4)
OUT/gpu/q8-mha.onnx          the same with 8-bit weights
OUT/gpu/q8-plain.onnx        f32-plain.onnx with 8-bit weights
OUT/gpu/summary.json         each file's bytes and operators

The output of those in OUT/gpu is `first_rows`, the first row of every text: reading all rows back from a GPU takes longer.
"""

import json
import logging
import sys
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.fusion_options import FusionOptions

from onnx_files import describe, mask_in_two_steps, whole_weights

BLOCK = 32
# Products of activations that are quantized to int8.
ACCURACY_LEVEL = 4
# What a masked key adds to its scores: within the range of half floats.
MASKED = -30000.0


def fused(source, config, use_multi_head_attention):
    """Returns the graph with every layer's attention and normalizations fused."""
    options = FusionOptions("bert")
    options.use_multi_head_attention = use_multi_head_attention
    # Level 0: see onnx_files.py.
    sizes = {"num_heads": config["num_attention_heads"], "hidden_size": config["hidden_size"]}
    model = optimizer.optimize_model(str(source), model_type="bert", opt_level=0, optimization_options=options, **sizes)
    operators = [node.op_type for node in model.model.graph.node]
    layers = config["num_hidden_layers"]
    expected = "MultiHeadAttention" if use_multi_head_attention else "Attention"
    if operators.count(expected) != layers or operators.count("SkipLayerNormalization") < 2 * layers - 1:
        sys.exit(f"the optimizer fused {sorted(set(operators))}: not every one of the {layers} layers")
    return model.model


def mask_as_bias(model):
    """Gives each MultiHeadAttention the mask as a bias of its scores, `[texts, 1, tokens, tokens]`, and no other mask."""
    graph = model.graph

    def constant(name, value):
        graph.initializer.append(numpy_helper.from_array(numpy.array(value), name))
        return name

    steps = [
        helper.make_node("Cast", ["attention_mask"], ["bias.mask"], to=TensorProto.FLOAT),
        helper.make_node("Sub", [constant("bias.one", numpy.float32(1)), "bias.mask"], ["bias.masked"]),
        helper.make_node("Mul", ["bias.masked", constant("bias.least", numpy.float32(MASKED))], ["bias.row"]),
        helper.make_node("Unsqueeze", ["bias.row", constant("bias.axes", [1, 2])], ["bias.rows"]),
        helper.make_node("Shape", ["attention_mask"], ["bias.shape"]),
        helper.make_node("Gather", ["bias.shape", constant("bias.first", [0])], ["bias.texts"]),
        helper.make_node("Gather", ["bias.shape", constant("bias.second", [1])], ["bias.tokens"]),
        helper.make_node(
            "Concat", ["bias.texts", constant("bias.heads", [1]), "bias.tokens", "bias.tokens"], ["bias.wanted"], axis=0
        ),
        helper.make_node("Expand", ["bias.rows", "bias.wanted"], ["bias"]),
    ]
    for node in graph.node:
        if node.op_type == "MultiHeadAttention":
            # query, key, value, bias, key_padding_mask, attention_bias
            kept = list(node.input[:4])
            del node.input[:]
            node.input.extend([*kept, "", "bias"])
    nodes = [*steps, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return without_unused(model)


def first_rows_only(model):
    """Replaces the output by its first row per text."""
    graph = model.graph
    (hidden,) = [output for output in graph.output if output.name == "last_hidden_state"]
    width = hidden.type.tensor_type.shape.dim[2].dim_value
    graph.initializer.append(numpy_helper.from_array(numpy.array(0), "first"))
    graph.node.append(helper.make_node("Gather", [hidden.name, "first"], ["first_rows"], axis=1))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("first_rows", TensorProto.FLOAT, ["texts", width]))
    return without_unused(model)


def without_unused(model):
    """Removes the nodes and weights that no output needs."""
    graph = model.graph
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed.update(node.input)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    weights = [weight for weight in graph.initializer if weight.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(weights)
    return model


def quantized_blocks(weight, bits):
    """Quantizes `[inputs, outputs]` in blocks of inputs. Returns MatMulNBits's packed bytes and scales."""
    outputs = weight.shape[1]
    blocks = weight.T.reshape(outputs, -1, BLOCK)
    zero = 1 << (bits - 1)
    scales = numpy.abs(blocks).max(axis=2) / (zero - 1)
    scales[scales == 0] = 1
    codes = numpy.clip(numpy.rint(blocks / scales[:, :, None]) + zero, 0, 2 * zero - 1).astype(numpy.uint8)
    packed = codes if bits == 8 else codes[:, :, 0::2] | codes[:, :, 1::2] << 4
    return packed, scales.astype(numpy.float32)


def quantize_products(model, bits):
    """Replaces each product with a weight by MatMulNBits."""
    graph = model.graph
    weights = {weight.name: weight for weight in graph.initializer}
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights:
            continue
        name = node.input[1]
        weight = numpy_helper.to_array(weights[name])
        inputs, outputs = weight.shape
        if inputs % BLOCK != 0:
            sys.exit(f"{name} has {inputs} inputs; expected a multiple of {BLOCK}")
        packed, scales = quantized_blocks(weight, bits)
        node.op_type, node.domain = "MatMulNBits", "com.microsoft"
        node.input[1] = f"{name}.q"
        node.input.append(f"{name}.scales")
        attributes = {"K": inputs, "N": outputs, "bits": bits, "block_size": BLOCK, "accuracy_level": ACCURACY_LEVEL}
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        graph.initializer.append(numpy_helper.from_array(packed, f"{name}.q"))
        graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scales"))
    if not any(opset.domain == "com.microsoft" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return without_unused(model)


def main(folder, out):
    logging.disable(logging.WARNING)
    folder, out = Path(folder), Path(out)
    source, out = out / "f32.onnx", out / "gpu"
    out.mkdir(parents=True, exist_ok=True)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    # A new file: another folder may have a link to the old one.
    source.unlink(missing_ok=True)
    onnx.save_model(mask_in_two_steps(whole_weights(onnx.load(folder / "model.onnx"))), source)
    made = {
        "f32-plain": first_rows_only(onnx.load(source)),
        "f32-attention": first_rows_only(fused(source, config, use_multi_head_attention=False)),
        "f32-mha": first_rows_only(mask_as_bias(fused(source, config, use_multi_head_attention=True))),
    }
    copy = onnx.ModelProto.FromString(made["f32-mha"].SerializeToString())
    made["f16-mha"] = convert_float_to_float16(copy, keep_io_types=True, disable_shape_infer=True)
    for bits in (4, 8):
        copy = onnx.ModelProto.FromString(made["f32-mha"].SerializeToString())
        made[f"q{bits}-mha"] = quantize_products(copy, bits)
    copy = onnx.ModelProto.FromString(made["f32-plain"].SerializeToString())
    made["q8-plain"] = quantize_products(copy, 8)
    for name, model in made.items():
        onnx.save_model(model, out / f"{name}.onnx")
    summary = {name: describe(out / f"{name}.onnx") for name in made}
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
