"""Writes all-MiniLM-L6-v2 as ONNX and quantizes that export with onnxruntime's quantize_dynamic.

    python tests/python/export_minilm.py CHECKPOINT OUT

Needs onnx, onnxruntime and numpy. Writes the folders OUT/float, OUT/int8-channel, OUT/uint8 and OUT/int8.
`int8-channel` has the options of the first exports for transformers.js (per_channel, reduce_range); `uint8` and
`int8` have quantize_dynamic's defaults. The graph has the nodes that PyTorch's exporter writes at opset 14.
"""
import json
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

NAMES = ["input_ids", "attention_mask", "token_type_ids"]


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Reads the f32 tensors. The format: https://github.com/huggingface/safetensors#format"""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if entry.get("dtype") == "F32":
            begin, end = entry["data_offsets"]
            tensors[name] = np.frombuffer(data[start + begin:start + end], "<f4").reshape(entry["shape"])
    return tensors


class Graph:
    """The nodes and initializers of one ONNX graph. A method returns the name of its result."""

    def __init__(self, weights: dict[str, np.ndarray]):
        self.weights, self.nodes, self.initializers = weights, [], {}

    def node(self, op: str, *inputs: str, **attributes) -> str:
        output = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"/{output}", **attributes))
        return output

    def constant(self, value, dtype=np.float32) -> str:
        name = f"constant_{len(self.initializers)}"
        self.initializers[name] = np.array(value, dtype)
        return name

    def weight(self, name: str) -> str:
        self.initializers[name] = self.weights[name]
        return name

    def linear(self, x: str, name: str) -> str:
        weight = f"{name}.weight.transposed"
        self.initializers[weight] = np.ascontiguousarray(self.weights[f"{name}.weight"].T)
        return self.node("Add", self.weight(f"{name}.bias"), self.node("MatMul", x, weight))

    def layer_norm(self, x: str, name: str, epsilon: float) -> str:
        mean = self.node("ReduceMean", x, axes=[-1])
        centered = self.node("Sub", x, mean)
        variance = self.node("ReduceMean", self.node("Pow", centered, self.constant(2)), axes=[-1])
        deviation = self.node("Sqrt", self.node("Add", variance, self.constant(epsilon)))
        scaled = self.node("Mul", self.node("Div", centered, deviation), self.weight(f"{name}.weight"))
        return self.node("Add", scaled, self.weight(f"{name}.bias"))

    def gelu(self, x: str) -> str:
        error = self.node("Erf", self.node("Div", x, self.constant(math.sqrt(2))))
        return self.node("Mul", self.node("Mul", x, self.node("Add", error, self.constant(1))), self.constant(0.5))

    def embeddings(self, config: dict) -> str:
        length = self.node("Gather", self.node("Shape", "input_ids"), self.constant(1, np.int64))
        end = self.node("Unsqueeze", length, self.constant([0], np.int64))
        positions = self.constant(np.arange(config["max_position_embeddings"])[None], np.int64)
        first, one = self.constant([0], np.int64), self.constant([1], np.int64)
        positions = self.node("Slice", positions, first, end, one, one)
        words, types, places = (
            self.node("Gather", self.weight(f"embeddings.{table}_embeddings.weight"), ids)
            for table, ids in [("word", "input_ids"), ("token_type", "token_type_ids"), ("position", positions)])
        x = self.node("Add", self.node("Add", words, types), places)
        return self.layer_norm(x, "embeddings.LayerNorm", config["layer_norm_eps"])

    def attention_bias(self) -> str:
        axes = self.constant([1, 2], np.int64)
        mask = self.node("Cast", self.node("Unsqueeze", "attention_mask", axes), to=TensorProto.FLOAT)
        padding = self.node("Sub", self.constant(1), mask)
        return self.node("Mul", padding, self.constant(np.finfo(np.float32).min))

    def layer(self, x: str, bias: str, name: str, config: dict) -> str:
        heads, epsilon = config["num_attention_heads"], config["layer_norm_eps"]
        size = config["hidden_size"] // heads
        split, joined = self.constant([0, 0, heads, size], np.int64), self.constant([0, 0, heads * size], np.int64)
        query, key, value = (
            self.node("Reshape", self.linear(x, f"{name}.attention.self.{part}"), split)
            for part in ["query", "key", "value"])
        query, value = (self.node("Transpose", part, perm=[0, 2, 1, 3]) for part in [query, value])
        key = self.node("Transpose", key, perm=[0, 2, 3, 1])
        scores = self.node("Div", self.node("MatMul", query, key), self.constant(math.sqrt(size)))
        probabilities = self.node("Softmax", self.node("Add", scores, bias), axis=-1)
        context = self.node("Transpose", self.node("MatMul", probabilities, value), perm=[0, 2, 1, 3])
        output = self.linear(self.node("Reshape", context, joined), f"{name}.attention.output.dense")
        x = self.layer_norm(self.node("Add", output, x), f"{name}.attention.output.LayerNorm", epsilon)
        output = self.linear(self.gelu(self.linear(x, f"{name}.intermediate.dense")), f"{name}.output.dense")
        return self.layer_norm(self.node("Add", output, x), f"{name}.output.LayerNorm", epsilon)


def write_onnx(checkpoint: Path, file: Path):
    config = json.loads((checkpoint / "config.json").read_text())
    graph = Graph(read_safetensors(checkpoint / "model.safetensors"))
    x, bias = graph.embeddings(config), graph.attention_bias()
    for index in range(config["num_hidden_layers"]):
        x = graph.layer(x, bias, f"encoder.layer.{index}", config)
    graph.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
    axes = ["batch", "sequence"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in NAMES]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*axes, config["hidden_size"]])
    initializers = [numpy_helper.from_array(value, name) for name, value in graph.initializers.items()]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", inputs, [output], initializers),
        opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, file)


def new_folder(checkpoint: Path, folder: Path) -> Path:
    shutil.copytree(checkpoint, folder, ignore=shutil.ignore_patterns("model.safetensors", "pytorch_model.bin"))
    return folder


def main(checkpoint: Path, out: Path):
    source = new_folder(checkpoint, out / "float") / "model.onnx"
    write_onnx(checkpoint, source)
    for name, options in {
        "int8-channel": {"weight_type": QuantType.QInt8, "per_channel": True, "reduce_range": True},
        "uint8": {"weight_type": QuantType.QUInt8},
        "int8": {"weight_type": QuantType.QInt8},
    }.items():
        quantize_dynamic(source, new_folder(checkpoint, out / name) / "model_quantized.onnx", **options)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
