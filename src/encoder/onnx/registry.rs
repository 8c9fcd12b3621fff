//! The table of supported operators, each with its translator.

use std::ops::RangeInclusive;

use super::node::{MICROSOFT, Node};
use super::node_context::{NodeContext, NodeOutputs};
use super::{contrib, ops};
use crate::error::{Result, fail};

/// A supported operator.
struct Operator {
    domain: &'static str,
    name: &'static str,
    /// How many inputs a node may have, optional inputs included.
    inputs: RangeInclusive<usize>,
    /// The most outputs that a node may have.
    outputs: usize,
    translate: fn(&mut NodeContext) -> NodeOutputs,
}

const fn onnx(
    name: &'static str,
    inputs: RangeInclusive<usize>,
    translate: fn(&mut NodeContext) -> NodeOutputs,
) -> Operator {
    Operator { domain: "", name, inputs, outputs: 1, translate }
}

const fn microsoft(
    name: &'static str,
    inputs: RangeInclusive<usize>,
    outputs: usize,
    translate: fn(&mut NodeContext) -> NodeOutputs,
) -> Operator {
    Operator { domain: MICROSOFT, name, inputs, outputs, translate }
}

/// The most inputs or outputs of an operator with any number of them.
const MAX_OPERANDS: usize = 4096;

/// Sorted by domain and name.
static OPERATORS: &[Operator] = &[
    onnx("Abs", 1..=1, ops::unary::abs),
    onnx("Add", 2..=2, ops::arithmetic::add),
    onnx("And", 2..=2, ops::compare::and),
    onnx("Cast", 1..=1, ops::cast::cast),
    onnx("CastLike", 2..=2, ops::cast::cast_like),
    onnx("Clip", 1..=3, ops::unary::clip),
    onnx("Concat", 1..=MAX_OPERANDS, ops::concat::concat),
    onnx("Constant", 0..=0, ops::constant::constant),
    onnx("ConstantOfShape", 1..=1, ops::constant::constant_of_shape),
    onnx("DequantizeLinear", 2..=3, ops::quant::dequantize_linear),
    onnx("Div", 2..=2, ops::arithmetic::div),
    Operator { outputs: 2, ..onnx("Dropout", 1..=3, ops::identity::dropout) },
    Operator { outputs: 3, ..onnx("DynamicQuantizeLinear", 1..=1, ops::quant::dynamic_quantize_linear) },
    onnx("Equal", 2..=2, ops::compare::equal),
    onnx("Erf", 1..=1, ops::unary::erf),
    onnx("Exp", 1..=1, ops::unary::exp),
    onnx("Expand", 2..=2, ops::expand::expand),
    onnx("Flatten", 1..=1, ops::reshape::flatten),
    onnx("Gather", 2..=2, ops::gather::gather),
    onnx("GatherElements", 2..=2, ops::gather::gather_elements),
    onnx("GatherND", 2..=2, ops::gather::gather_nd),
    onnx("Gelu", 1..=1, ops::gelu::gelu),
    onnx("Gemm", 2..=3, ops::matmul::gemm),
    onnx("Greater", 2..=2, ops::compare::greater),
    onnx("GreaterOrEqual", 2..=2, ops::compare::greater_or_equal),
    onnx("Identity", 1..=1, ops::identity::identity),
    onnx("IsNaN", 1..=1, ops::unary::is_nan),
    Operator { outputs: 3, ..onnx("LayerNormalization", 2..=3, ops::norm::layer_normalization) },
    onnx("Less", 2..=2, ops::compare::less),
    onnx("LessOrEqual", 2..=2, ops::compare::less_or_equal),
    onnx("MatMul", 2..=2, ops::matmul::matmul),
    onnx("MatMulInteger", 2..=4, ops::quant::matmul_integer),
    onnx("Max", 1..=MAX_OPERANDS, ops::arithmetic::max),
    onnx("Min", 1..=MAX_OPERANDS, ops::arithmetic::min),
    onnx("Mul", 2..=2, ops::arithmetic::mul),
    onnx("Neg", 1..=1, ops::unary::neg),
    onnx("Not", 1..=1, ops::unary::not),
    onnx("Or", 2..=2, ops::compare::or),
    onnx("Pow", 2..=2, ops::arithmetic::pow),
    onnx("QLinearMatMul", 8..=8, contrib::qlinear::qlinear_matmul),
    onnx("QuantizeLinear", 2..=3, ops::quant::quantize_linear),
    onnx("Range", 3..=3, ops::range::range),
    onnx("Reciprocal", 1..=1, ops::unary::reciprocal),
    onnx("ReduceL2", 1..=2, ops::reduce::l2),
    onnx("ReduceMax", 1..=2, ops::reduce::max),
    onnx("ReduceMean", 1..=2, ops::reduce::mean),
    onnx("ReduceMin", 1..=2, ops::reduce::min),
    onnx("ReduceSum", 1..=2, ops::reduce::sum),
    onnx("Relu", 1..=1, ops::unary::relu),
    onnx("Reshape", 2..=2, ops::reshape::reshape),
    onnx("Shape", 1..=1, ops::shape::shape),
    onnx("Sigmoid", 1..=1, ops::unary::sigmoid),
    onnx("Size", 1..=1, ops::shape::size),
    onnx("Slice", 1..=5, ops::slice::slice),
    onnx("Softmax", 1..=1, ops::softmax::softmax),
    Operator { outputs: MAX_OPERANDS, ..onnx("Split", 1..=2, ops::slice::split) },
    onnx("Sqrt", 1..=1, ops::unary::sqrt),
    onnx("Squeeze", 1..=2, ops::reshape::squeeze),
    onnx("Sub", 2..=2, ops::arithmetic::sub),
    onnx("Tanh", 1..=1, ops::unary::tanh),
    onnx("Tile", 2..=2, ops::expand::tile),
    onnx("Transpose", 1..=1, ops::reshape::transpose),
    onnx("Unsqueeze", 1..=2, ops::reshape::unsqueeze),
    onnx("Where", 3..=3, ops::expand::select),
    microsoft("Attention", 2..=7, 2, contrib::attention::attention),
    microsoft("BiasGelu", 2..=2, 1, contrib::bias_gelu::bias_gelu),
    microsoft("DequantizeLinear", 2..=3, 1, ops::quant::dequantize_linear),
    microsoft("DynamicQuantizeMatMul", 3..=5, 1, contrib::dynamic_quantize_matmul::dynamic_quantize_matmul),
    microsoft(
        "EmbedLayerNormalization",
        7..=9,
        3,
        contrib::embed_layer_normalization::embed_layer_normalization,
    ),
    microsoft("FastGelu", 1..=2, 1, contrib::fast_gelu::fast_gelu),
    microsoft("FusedMatMul", 2..=2, 1, contrib::fused_matmul::fused_matmul),
    microsoft("GatherBlockQuantized", 3..=4, 1, contrib::gather_block_quantized::gather_block_quantized),
    microsoft("Gelu", 1..=1, 1, contrib::gelu::gelu),
    microsoft("MatMulIntegerToFloat", 4..=7, 1, contrib::matmul_integer_to_float::matmul_integer_to_float),
    microsoft("MatMulNBits", 3..=6, 1, contrib::matmul_nbits::matmul_nbits),
    microsoft("MultiHeadAttention", 3..=10, 3, contrib::multi_head_attention::multi_head_attention),
    microsoft("QAttention", 5..=9, 2, contrib::q_attention::q_attention),
    microsoft(
        "QEmbedLayerNormalization",
        18..=18,
        2,
        contrib::q_embed_layer_normalization::q_embed_layer_normalization,
    ),
    microsoft("QGemm", 6..=9, 1, contrib::qlinear::qgemm),
    microsoft("QLinearAdd", 7..=8, 1, contrib::qlinear::qlinear_add),
    microsoft("QLinearConcat", 3..=MAX_OPERANDS, 1, contrib::qlinear::qlinear_concat),
    microsoft("QLinearLeakyRelu", 4..=5, 1, contrib::qlinear::qlinear_leaky_relu),
    microsoft("QLinearMul", 7..=8, 1, contrib::qlinear::qlinear_mul),
    microsoft("QLinearReduceMean", 4..=5, 1, contrib::qlinear::qlinear_reduce_mean),
    microsoft("QLinearSigmoid", 4..=5, 1, contrib::qlinear::qlinear_sigmoid),
    microsoft("QLinearSoftmax", 5..=5, 1, contrib::qlinear::qlinear_softmax),
    microsoft("QLinearWhere", 9..=9, 1, contrib::qlinear::qlinear_where),
    microsoft("QuantizeLinear", 2..=3, 1, ops::quant::quantize_linear),
    microsoft(
        "SkipLayerNormalization",
        3..=5,
        4,
        contrib::skip_layer_normalization::skip_layer_normalization,
    ),
];

/// Returns the operator of a node.
fn find(node: &Node) -> Option<&'static Operator> {
    OPERATORS.iter().find(|o| o.name == node.op && o.domain == node.domain)
}

/// Returns what a user can do about an operator that is left out on purpose.
fn instead_of(node: &Node) -> Option<&'static str> {
    match (node.domain.as_str(), node.op.as_str()) {
        (MICROSOFT, "MatMulBnb4") => Some(
            "its weights are in bitsandbytes' FP4 or NF4; quantize the float model with onnxruntime's \
             MatMulNBitsQuantizer (4 bits), or convert the checkpoint with `corom convert --dtype int4`",
        ),
        _ => None,
    }
}

/// Checks the operator, the number of inputs and the number of outputs of a node.
///
/// # Errors
/// `UNSUPPORTED_OPERATOR`, naming the operator and the node; `INVALID_MODEL` for too many or too few inputs
/// or outputs.
pub(super) fn check(node: &Node) -> Result<()> {
    let Some(operator) = find(node) else {
        if let Some(what) = instead_of(node) {
            fail!(
                UnsupportedOperator,
                "the graph uses the operator {} (node `{}`), which corom does not support: {what}",
                node.operator(),
                node.label
            );
        }
        fail!(
            UnsupportedOperator,
            "the graph uses the operator {} (node `{}`), which corom does not support",
            node.operator(),
            node.label
        );
    };
    let inputs = node.inputs.len();
    if !operator.inputs.contains(&inputs) || node.outputs.is_empty() || node.outputs.len() > operator.outputs
    {
        fail!(
            InvalidModel,
            "node `{}` ({}) has {inputs} inputs and {} outputs; expected {} to {} inputs and 1 to {} outputs",
            node.label,
            node.operator(),
            node.outputs.len(),
            operator.inputs.start(),
            operator.inputs.end(),
            operator.outputs
        );
    }
    Ok(())
}

/// Translates a node that [`check`] has accepted.
pub(super) fn translate(ctx: &mut NodeContext) -> NodeOutputs {
    let Some(operator) = find(ctx.node) else {
        return Err(ctx.builder.unsupported("the operator is unknown"));
    };
    (operator.translate)(ctx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_sorted_and_unique() {
        let names: Vec<_> = OPERATORS.iter().map(|o| (o.domain, o.name)).collect();
        assert!(names.is_sorted() && names.windows(2).all(|w| w[0] != w[1]), "{names:?}");
    }
}
