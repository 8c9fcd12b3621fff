//! onnxruntime's own operators, the domain `com.microsoft`.

use super::{Operator, version};

/// Sorted by name.
pub(super) static OPERATORS: &[Operator] = &[
    Operator {
        name: "Attention",
        versions: &[version(
            1,
            "xx?????",
            "x?",
            "do_rotary:int mask_filter_value:float num_heads:int! past_present_share_buffer:int qkv_hidden_sizes:ints rotary_embedding_dim:int scale:float unidirectional:int",
        )],
    },
    Operator { name: "BiasGelu", versions: &[version(1, "xx", "x", "")] },
    Operator { name: "DequantizeLinear", versions: &[version(1, "xx?", "x", "axis:int")] },
    Operator { name: "DynamicQuantizeMatMul", versions: &[version(1, "xxx??", "x", "")] },
    Operator {
        name: "EmbedLayerNormalization",
        versions: &[version(1, "x?xx?xx??", "x??", "epsilon:float mask_index_type:int")],
    },
    Operator { name: "FastGelu", versions: &[version(1, "x?", "x", "")] },
    Operator {
        name: "FusedMatMul",
        versions: &[version(
            1,
            "xx",
            "x",
            "alpha:float transA:int transB:int transBatchA:int transBatchB:int",
        )],
    },
    Operator {
        name: "GatherBlockQuantized",
        versions: &[version(1, "xxx?", "x", "bits:int block_size:int gather_axis:int quantize_axis:int")],
    },
    Operator { name: "Gelu", versions: &[version(1, "x", "x", "")] },
    Operator { name: "MatMulIntegerToFloat", versions: &[version(1, "xxxx???", "x", "")] },
    Operator {
        name: "MatMulNBits",
        versions: &[version(
            1,
            "xxx???",
            "x",
            "K:int! N:int! accuracy_level:int bits:int block_size:int! weight_prepacked:int",
        )],
    },
    Operator {
        name: "MultiHeadAttention",
        versions: &[version(
            1,
            "x?????????",
            "x???",
            "mask_filter_value:float num_heads:int! scale:float unidirectional:int",
        )],
    },
    Operator {
        name: "QAttention",
        versions: &[version(
            1,
            "xxxxx????",
            "x?",
            "do_rotary:int mask_filter_value:float num_heads:int! past_present_share_buffer:int scale:float unidirectional:int",
        )],
    },
    Operator {
        name: "QEmbedLayerNormalization",
        versions: &[version(1, "x?xx?xx?xx?xxxx?xx", "xx", "epsilon:float")],
    },
    Operator {
        name: "QGemm",
        versions: &[version(1, "xxxxxx???", "x", "alpha:float transA:int transB:int")],
    },
    Operator { name: "QLinearAdd", versions: &[version(1, "xx?xx?x?", "x", "")] },
    Operator { name: "QLinearConcat", versions: &[version(1, "xx*", "x", "axis:int!")] },
    Operator { name: "QLinearLeakyRelu", versions: &[version(1, "xx?x?", "x", "alpha:float")] },
    Operator { name: "QLinearMul", versions: &[version(1, "xx?xx?x?", "x", "")] },
    Operator { name: "QLinearReduceMean", versions: &[version(1, "xx?x?", "x", "axes:ints! keepdims:int!")] },
    Operator { name: "QLinearSigmoid", versions: &[version(1, "xx?x?", "x", "")] },
    Operator { name: "QLinearSoftmax", versions: &[version(1, "xx?xx", "x", "axis:int opset:int!")] },
    Operator { name: "QLinearWhere", versions: &[version(1, "xxxxxxxxx", "x", "")] },
    Operator { name: "QuantizeLinear", versions: &[version(1, "xx?", "x", "axis:int")] },
    Operator { name: "SkipLayerNormalization", versions: &[version(1, "xxx??", "x???", "epsilon:float")] },
];
