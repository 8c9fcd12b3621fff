//! The table of supported operators, each with its translator.

use super::node::{MICROSOFT, Node};
use super::node_context::{NodeContext, NodeOutputs};
use super::{contrib, ops, schema};
use crate::error::{Result, fail};

/// A supported operator.
struct Operator {
    domain: &'static str,
    name: &'static str,
    translate: fn(&mut NodeContext) -> NodeOutputs,
}

const fn onnx(name: &'static str, translate: fn(&mut NodeContext) -> NodeOutputs) -> Operator {
    Operator { domain: "", name, translate }
}

const fn microsoft(name: &'static str, translate: fn(&mut NodeContext) -> NodeOutputs) -> Operator {
    Operator { domain: MICROSOFT, name, translate }
}

/// Sorted by domain and name.
static OPERATORS: &[Operator] = &[
    onnx("Abs", ops::unary::abs),
    onnx("Add", ops::arithmetic::add),
    onnx("And", ops::compare::and),
    onnx("Attention", ops::attention::attention),
    onnx("Cast", ops::cast::cast),
    onnx("CastLike", ops::cast::cast_like),
    onnx("Clip", ops::unary::clip),
    onnx("Concat", ops::concat::concat),
    onnx("Constant", ops::constant::constant),
    onnx("ConstantOfShape", ops::constant::constant_of_shape),
    onnx("CumSum", ops::cumsum::cumsum),
    onnx("DequantizeLinear", ops::quant::dequantize_linear),
    onnx("Div", ops::arithmetic::div),
    onnx("Dropout", ops::identity::dropout),
    onnx("DynamicQuantizeLinear", ops::quant::dynamic_quantize_linear),
    onnx("Einsum", ops::einsum::einsum),
    onnx("Equal", ops::compare::equal),
    onnx("Erf", ops::unary::erf),
    onnx("Exp", ops::unary::exp),
    onnx("Expand", ops::expand::expand),
    onnx("Flatten", ops::reshape::flatten),
    onnx("Gather", ops::gather::gather),
    onnx("GatherElements", ops::gather::gather_elements),
    onnx("GatherND", ops::gather::gather_nd),
    onnx("Gelu", ops::gelu::gelu),
    onnx("Gemm", ops::matmul::gemm),
    onnx("Greater", ops::compare::greater),
    onnx("GreaterOrEqual", ops::compare::greater_or_equal),
    onnx("Identity", ops::identity::identity),
    onnx("IsNaN", ops::unary::is_nan),
    onnx("LayerNormalization", ops::norm::layer_normalization),
    onnx("Less", ops::compare::less),
    onnx("LessOrEqual", ops::compare::less_or_equal),
    onnx("Log", ops::unary::log),
    onnx("MatMul", ops::matmul::matmul),
    onnx("MatMulInteger", ops::quant::matmul_integer),
    onnx("Max", ops::arithmetic::max),
    onnx("Min", ops::arithmetic::min),
    onnx("Mul", ops::arithmetic::mul),
    onnx("Neg", ops::unary::neg),
    onnx("Not", ops::unary::not),
    onnx("OneHot", ops::one_hot::one_hot),
    onnx("Or", ops::compare::or),
    onnx("Pow", ops::arithmetic::pow),
    onnx("QLinearMatMul", contrib::qlinear::qlinear_matmul),
    onnx("QuantizeLinear", ops::quant::quantize_linear),
    onnx("Range", ops::range::range),
    onnx("Reciprocal", ops::unary::reciprocal),
    onnx("ReduceL2", ops::reduce::l2),
    onnx("ReduceMax", ops::reduce::max),
    onnx("ReduceMean", ops::reduce::mean),
    onnx("ReduceMin", ops::reduce::min),
    onnx("ReduceSum", ops::reduce::sum),
    onnx("Relu", ops::unary::relu),
    onnx("Reshape", ops::reshape::reshape),
    onnx("Shape", ops::shape::shape),
    onnx("Sigmoid", ops::unary::sigmoid),
    onnx("Sign", ops::unary::sign),
    onnx("Size", ops::shape::size),
    onnx("Slice", ops::slice::slice),
    onnx("Softmax", ops::softmax::softmax),
    onnx("Split", ops::slice::split),
    onnx("Sqrt", ops::unary::sqrt),
    onnx("Squeeze", ops::reshape::squeeze),
    onnx("Sub", ops::arithmetic::sub),
    onnx("Sum", ops::arithmetic::sum),
    onnx("Tanh", ops::unary::tanh),
    onnx("Tile", ops::expand::tile),
    onnx("Transpose", ops::reshape::transpose),
    onnx("Unsqueeze", ops::reshape::unsqueeze),
    onnx("Where", ops::expand::select),
    microsoft("Attention", contrib::attention::attention),
    microsoft("BiasGelu", contrib::bias_gelu::bias_gelu),
    microsoft("DequantizeLinear", ops::quant::dequantize_linear),
    microsoft("DynamicQuantizeMatMul", contrib::dynamic_quantize_matmul::dynamic_quantize_matmul),
    microsoft("EmbedLayerNormalization", contrib::embed_layer_normalization::embed_layer_normalization),
    microsoft("FastGelu", contrib::fast_gelu::fast_gelu),
    microsoft("FusedMatMul", contrib::fused_matmul::fused_matmul),
    microsoft("GatherBlockQuantized", contrib::gather_block_quantized::gather_block_quantized),
    microsoft("Gelu", contrib::gelu::gelu),
    microsoft("MatMulIntegerToFloat", contrib::matmul_integer_to_float::matmul_integer_to_float),
    microsoft("MatMulNBits", contrib::matmul_nbits::matmul_nbits),
    microsoft("MultiHeadAttention", contrib::multi_head_attention::multi_head_attention),
    microsoft("QAttention", contrib::q_attention::q_attention),
    microsoft("QEmbedLayerNormalization", contrib::q_embed_layer_normalization::q_embed_layer_normalization),
    microsoft("QGemm", contrib::qlinear::qgemm),
    microsoft("QLinearAdd", contrib::qlinear::qlinear_add),
    microsoft("QLinearConcat", contrib::qlinear::qlinear_concat),
    microsoft("QLinearLeakyRelu", contrib::qlinear::qlinear_leaky_relu),
    microsoft("QLinearMul", contrib::qlinear::qlinear_mul),
    microsoft("QLinearReduceMean", contrib::qlinear::qlinear_reduce_mean),
    microsoft("QLinearSigmoid", contrib::qlinear::qlinear_sigmoid),
    microsoft("QLinearSoftmax", contrib::qlinear::qlinear_softmax),
    microsoft("QLinearWhere", contrib::qlinear::qlinear_where),
    microsoft("QuantizeLinear", ops::quant::quantize_linear),
    microsoft("SkipLayerNormalization", contrib::skip_layer_normalization::skip_layer_normalization),
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

/// Checks the operator, the operands and the attributes of a node. `opset` is the version of the ONNX domain.
///
/// # Errors
/// `UNSUPPORTED_OPERATOR`, naming the operator and the node; `INVALID_MODEL` if the operator does not have such
/// operands or attributes. See [`schema::check`].
pub(super) fn check(node: &Node, opset: i64) -> Result<()> {
    if find(node).is_none() {
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
    }
    schema::check(node, opset)
}

/// Returns the domain and the name of each operator.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    OPERATORS.iter().map(|o| (o.domain, o.name))
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
