//! The operators of the ONNX domain.

use super::{Operator, version};

/// Sorted by name.
pub(super) static OPERATORS: &[Operator] = &[
    Operator { name: "Abs", versions: &[version(6, "x", "x", "")] },
    Operator { name: "Add", versions: &[version(7, "xx", "x", "")] },
    Operator { name: "And", versions: &[version(7, "xx", "x", "")] },
    Operator {
        name: "Attention",
        versions: &[
            version(
                23,
                "xxx???",
                "x???",
                "is_causal:int kv_num_heads:int q_num_heads:int qk_matmul_output_mode:int scale:float softcap:float softmax_precision:int",
            ),
            version(
                24,
                "xxx????",
                "x???",
                "is_causal:int kv_num_heads:int q_num_heads:int qk_matmul_output_mode:int scale:float softcap:float softmax_precision:int",
            ),
        ],
    },
    Operator {
        name: "Cast",
        versions: &[
            version(6, "x", "x", "to:int!"),
            version(19, "x", "x", "saturate:int to:int!"),
            version(24, "x", "x", "round_mode:string saturate:int to:int!"),
        ],
    },
    Operator {
        name: "CastLike",
        versions: &[
            version(15, "xx", "x", ""),
            version(19, "xx", "x", "saturate:int"),
            version(24, "xx", "x", "round_mode:string saturate:int"),
        ],
    },
    Operator {
        name: "Clip",
        versions: &[version(6, "x", "x", "max:float min:float"), version(11, "x??", "x", "")],
    },
    Operator { name: "Concat", versions: &[version(4, "*", "x", "axis:int!")] },
    Operator {
        name: "Constant",
        versions: &[
            version(1, "", "x", "value:tensor!"),
            version(11, "", "x", "sparse_value:sparse_tensor value:tensor"),
            version(
                12,
                "",
                "x",
                "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int value_ints:ints value_string:string value_strings:strings",
            ),
        ],
    },
    Operator { name: "ConstantOfShape", versions: &[version(9, "x", "x", "value:tensor")] },
    Operator { name: "CumSum", versions: &[version(11, "xx", "x", "exclusive:int reverse:int")] },
    Operator {
        name: "DequantizeLinear",
        versions: &[
            version(10, "xx?", "x", ""),
            version(13, "xx?", "x", "axis:int"),
            version(21, "xx?", "x", "axis:int block_size:int"),
            version(23, "xx?", "x", "axis:int block_size:int output_dtype:int"),
        ],
    },
    Operator { name: "Div", versions: &[version(7, "xx", "x", "")] },
    Operator {
        name: "Dropout",
        versions: &[version(7, "x", "x?", "ratio:float"), version(12, "x??", "x?", "seed:int")],
    },
    Operator { name: "DynamicQuantizeLinear", versions: &[version(11, "x", "xxx", "")] },
    Operator { name: "Einsum", versions: &[version(12, "*", "x", "equation:string!")] },
    Operator { name: "Equal", versions: &[version(7, "xx", "x", "")] },
    Operator { name: "Erf", versions: &[version(9, "x", "x", "")] },
    Operator { name: "Exp", versions: &[version(6, "x", "x", "")] },
    Operator { name: "Expand", versions: &[version(8, "xx", "x", "")] },
    Operator { name: "Flatten", versions: &[version(1, "x", "x", "axis:int")] },
    Operator { name: "Gather", versions: &[version(1, "xx", "x", "axis:int")] },
    Operator { name: "GatherElements", versions: &[version(11, "xx", "x", "axis:int")] },
    Operator {
        name: "GatherND",
        versions: &[version(11, "xx", "x", ""), version(12, "xx", "x", "batch_dims:int")],
    },
    Operator { name: "Gelu", versions: &[version(20, "x", "x", "approximate:string")] },
    Operator {
        name: "Gemm",
        versions: &[
            version(7, "xxx", "x", "alpha:float beta:float transA:int transB:int"),
            version(11, "xx?", "x", "alpha:float beta:float transA:int transB:int"),
        ],
    },
    Operator { name: "Greater", versions: &[version(7, "xx", "x", "")] },
    Operator { name: "GreaterOrEqual", versions: &[version(12, "xx", "x", "")] },
    Operator { name: "Identity", versions: &[version(1, "x", "x", "")] },
    Operator { name: "IsNaN", versions: &[version(9, "x", "x", "")] },
    Operator {
        name: "LayerNormalization",
        versions: &[version(1, "xx?", "x??", "axis:int epsilon:float stash_type:int")],
    },
    Operator { name: "Less", versions: &[version(7, "xx", "x", "")] },
    Operator { name: "LessOrEqual", versions: &[version(12, "xx", "x", "")] },
    Operator { name: "Log", versions: &[version(6, "x", "x", "")] },
    Operator { name: "MatMul", versions: &[version(1, "xx", "x", "")] },
    Operator { name: "MatMulInteger", versions: &[version(10, "xx??", "x", "")] },
    Operator { name: "Max", versions: &[version(6, "*", "x", "")] },
    Operator { name: "Min", versions: &[version(6, "*", "x", "")] },
    Operator { name: "Mul", versions: &[version(7, "xx", "x", "")] },
    Operator { name: "Neg", versions: &[version(6, "x", "x", "")] },
    Operator { name: "Not", versions: &[version(1, "x", "x", "")] },
    Operator { name: "OneHot", versions: &[version(9, "xxx", "x", "axis:int")] },
    Operator { name: "Or", versions: &[version(7, "xx", "x", "")] },
    Operator { name: "Pow", versions: &[version(7, "xx", "x", "")] },
    Operator { name: "QLinearMatMul", versions: &[version(10, "xxxxxxxx", "x", "")] },
    Operator {
        name: "QuantizeLinear",
        versions: &[
            version(10, "xx?", "x", ""),
            version(13, "xx?", "x", "axis:int"),
            version(19, "xx?", "x", "axis:int saturate:int"),
            version(21, "xx?", "x", "axis:int block_size:int output_dtype:int saturate:int"),
            version(23, "xx?", "x", "axis:int block_size:int output_dtype:int precision:int saturate:int"),
        ],
    },
    Operator { name: "Range", versions: &[version(11, "xxx", "x", "")] },
    Operator { name: "Reciprocal", versions: &[version(6, "x", "x", "")] },
    Operator {
        name: "ReduceL2",
        versions: &[
            version(1, "x", "x", "axes:ints keepdims:int"),
            version(18, "x?", "x", "keepdims:int noop_with_empty_axes:int"),
        ],
    },
    Operator {
        name: "ReduceMax",
        versions: &[
            version(1, "x", "x", "axes:ints keepdims:int"),
            version(18, "x?", "x", "keepdims:int noop_with_empty_axes:int"),
        ],
    },
    Operator {
        name: "ReduceMean",
        versions: &[
            version(1, "x", "x", "axes:ints keepdims:int"),
            version(18, "x?", "x", "keepdims:int noop_with_empty_axes:int"),
        ],
    },
    Operator {
        name: "ReduceMin",
        versions: &[
            version(1, "x", "x", "axes:ints keepdims:int"),
            version(18, "x?", "x", "keepdims:int noop_with_empty_axes:int"),
        ],
    },
    Operator {
        name: "ReduceSum",
        versions: &[
            version(1, "x", "x", "axes:ints keepdims:int"),
            version(13, "x?", "x", "keepdims:int noop_with_empty_axes:int"),
        ],
    },
    Operator { name: "Relu", versions: &[version(6, "x", "x", "")] },
    Operator {
        name: "Reshape",
        versions: &[version(5, "xx", "x", ""), version(14, "xx", "x", "allowzero:int")],
    },
    Operator {
        name: "Shape",
        versions: &[version(1, "x", "x", ""), version(15, "x", "x", "end:int start:int")],
    },
    Operator { name: "Sigmoid", versions: &[version(6, "x", "x", "")] },
    Operator { name: "Sign", versions: &[version(9, "x", "x", "")] },
    Operator { name: "Size", versions: &[version(1, "x", "x", "")] },
    Operator {
        name: "Slice",
        versions: &[version(1, "x", "x", "axes:ints ends:ints! starts:ints!"), version(10, "xxx??", "x", "")],
    },
    Operator { name: "Softmax", versions: &[version(1, "x", "x", "axis:int")] },
    Operator {
        name: "Split",
        versions: &[
            version(2, "x", "*", "axis:int split:ints"),
            version(13, "x?", "*", "axis:int"),
            version(18, "x?", "*", "axis:int num_outputs:int"),
        ],
    },
    Operator { name: "Sqrt", versions: &[version(6, "x", "x", "")] },
    Operator { name: "Squeeze", versions: &[version(1, "x", "x", "axes:ints"), version(13, "x?", "x", "")] },
    Operator { name: "Sub", versions: &[version(7, "xx", "x", "")] },
    Operator { name: "Sum", versions: &[version(6, "*", "x", "")] },
    Operator { name: "Tanh", versions: &[version(6, "x", "x", "")] },
    Operator { name: "Tile", versions: &[version(6, "xx", "x", "")] },
    Operator { name: "Transpose", versions: &[version(1, "x", "x", "perm:ints")] },
    Operator {
        name: "Unsqueeze",
        versions: &[version(1, "x", "x", "axes:ints!"), version(13, "xx", "x", "")],
    },
    Operator { name: "Where", versions: &[version(9, "xxx", "x", "")] },
];
