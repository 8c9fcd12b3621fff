"""Exports all-MiniLM-L6-v2 to ONNX and quantizes the export with onnxruntime's quantize_dynamic.

    python tests/python/export_minilm.py CHECKPOINT OUT

Needs torch, transformers, onnx and onnxruntime, see tests/fixtures/make/README.md. Writes the folders OUT/float,
OUT/int8-channel, OUT/uint8 and OUT/int8. `int8-channel` has the options of the first exports for transformers.js
(per_channel, reduce_range), `uint8` and `int8` have quantize_dynamic's defaults.
"""
import shutil
import sys
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import BertModel

NAMES = ["input_ids", "attention_mask", "token_type_ids"]


class HiddenStates(torch.nn.Module):
    def __init__(self, bert):
        super().__init__()
        self.bert = bert

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.bert(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state


def new_folder(checkpoint: Path, folder: Path) -> Path:
    shutil.copytree(checkpoint, folder, ignore=shutil.ignore_patterns("model.safetensors", "pytorch_model.bin"))
    return folder


def main(checkpoint: Path, out: Path):
    bert = BertModel.from_pretrained(checkpoint, attn_implementation="eager", add_pooling_layer=False).eval()
    ids = torch.arange(1000, 1018).reshape(2, 9)
    source = str(new_folder(checkpoint, out / "float") / "model.onnx")
    axes = {name: {0: "batch", 1: "sequence"} for name in [*NAMES, "last_hidden_state"]}
    torch.onnx.export(
        HiddenStates(bert), (ids, torch.ones_like(ids), torch.zeros_like(ids)), source, input_names=NAMES,
        output_names=["last_hidden_state"], opset_version=14, dynamo=False, dynamic_axes=axes)
    for name, options in {
        "int8-channel": {"weight_type": QuantType.QInt8, "per_channel": True, "reduce_range": True},
        "uint8": {"weight_type": QuantType.QUInt8},
        "int8": {"weight_type": QuantType.QInt8},
    }.items():
        quantize_dynamic(source, str(new_folder(checkpoint, out / name) / "model_quantized.onnx"), **options)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
