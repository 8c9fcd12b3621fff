//! Translates tract's typed graph, as tract-onnx makes it, to ours, so that the matcher can read it. An operator
//! that ours lacks keeps its place as [`Foreign`]: it is evaluated in masks, and no pattern matches it.

use std::collections::HashMap;
use std::sync::Arc;

use tract_core::internal as tract;
use tract_core::internal::{EvalContext, IntoArcTensor, IntoTValue, SymbolValues};
use tract_core::ops::array::{Gather, GatherElements, GatherNd, MultiBroadcastTo, Slice, Tile, TypedConcat};
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::cast::Cast;
use tract_core::ops::einsum::EinSum;
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::logic::{self, Iff};
use tract_core::ops::nn::gelu_exact::GeluExact;
use tract_core::ops::nn::{self, SoftmaxKind};
use tract_core::ops::source::TypedSource;
use tract_core::ops::{change_axes, math};

use crate::encoder::graph::ops;
use crate::encoder::graph::ops::axes::AxisOp;
use crate::encoder::graph::ops::binary::Binary;
use crate::encoder::graph::ops::reduce::Reducer;
use crate::encoder::graph::ops::unary::Unary;
use crate::encoder::graph::prelude::{
    OutletId, TVec, Tensor, TractResult, TypedFact, TypedModel, TypedOp, bail, tvec,
};
use crate::encoder::unfused::interpreted::Interpreted;

/// Returns tract's graph as ours.
///
/// # Errors
/// If a node reads a value that no node before it computes.
pub(super) fn from_tract(model: &tract::TypedModel) -> TractResult<TypedModel> {
    let mut new = TypedModel::with_symbols(model.symbols.clone());
    let mut moved: HashMap<tract::OutletId, OutletId> = HashMap::new();
    for outlet in &model.inputs {
        let node = model.node(outlet.node);
        moved.insert(*outlet, new.add_source(&node.name, fact(&node.outputs[outlet.slot].fact)));
    }
    for id in model.eval_order()? {
        let node = model.node(id);
        if node.op_is::<TypedSource>() {
            continue;
        }
        if let Some(value) = node.outputs.first().and_then(|output| output.fact.konst.clone())
            && node.outputs.len() == 1
        {
            moved.insert(tract::OutletId::new(id, 0), new.add_const(&node.name, value));
            continue;
        }
        let mut inputs: TVec<OutletId> = tvec!();
        for input in &node.inputs {
            match moved.get(input) {
                Some(input) => inputs.push(*input),
                None => bail!("node {} reads a value that nothing computes", node.name),
            }
        }
        let known = op(node).filter(|op| {
            let facts: Vec<TypedFact> = model.node_input_facts(id).into_iter().flatten().map(fact).collect();
            let facts: Vec<&TypedFact> = facts.iter().collect();
            let due = node.outputs.iter().map(|output| fact(&output.fact));
            // Types and shapes agree, or tract means another operator than ours.
            op.output_facts(&facts).is_ok_and(|have| {
                have.iter()
                    .map(|fact| (fact.datum_type, &fact.shape))
                    .eq(due.collect::<Vec<_>>().iter().map(|fact| (fact.datum_type, &fact.shape)))
            })
        });
        let op = known.unwrap_or_else(|| {
            let facts = node.outputs.iter().map(|output| fact(&output.fact)).collect();
            Arc::new(Foreign { op: node.op.clone(), facts })
        });
        for (slot, to) in new.wire_node(&node.name, op, &inputs)?.into_iter().enumerate() {
            moved.insert(tract::OutletId::new(id, slot), to);
        }
    }
    new.outputs = model.outputs.iter().filter_map(|outlet| moved.get(outlet).copied()).collect();
    Ok(new)
}

fn fact(of: &tract::TypedFact) -> TypedFact {
    let mut fact = TypedFact::new(of.datum_type, of.shape.to_tvec());
    fact.uniform.clone_from(&of.uniform);
    fact
}

/// Returns our operator for a node of tract, if there is one.
fn op(node: &tract::TypedNode) -> Option<Arc<dyn TypedOp>> {
    if let Some(op) = node.op_as::<Interpreted>() {
        return Some(op.op());
    }
    if let Some(TypedBinOp(op, None)) = node.op_as() {
        return Some(Arc::new(binary(&**op)?));
    }
    if let Some(ElementWiseOp(op, None)) = node.op_as() {
        return Some(Arc::new(unary(&**op)?));
    }
    if let Some(op) = node.op_as::<change_axes::AxisOp>() {
        return Some(Arc::new(match op.clone() {
            change_axes::AxisOp::Add(at) => AxisOp::Add(at),
            change_axes::AxisOp::Rm(at) => AxisOp::Rm(at),
            change_axes::AxisOp::Move(from, to) => AxisOp::Move(from, to),
            change_axes::AxisOp::Reshape(at, from, to) => AxisOp::Reshape(at, from.into_vec(), to.into_vec()),
        }));
    }
    if let Some(Cast { to }) = node.op_as() {
        return Some(Arc::new(ops::cast::Cast { to: *to }));
    }
    if let Some(MultiBroadcastTo { shape }) = node.op_as() {
        return Some(Arc::new(ops::shape::BroadcastTo { shape: shape.to_tvec() }));
    }
    if let Some(Tile { multipliers }) = node.op_as() {
        return Some(Arc::new(ops::shape::Tile { multipliers: multipliers.clone() }));
    }
    if let Some(Slice { axis, start, end }) = node.op_as() {
        return Some(Arc::new(ops::shape::Slice { axis: *axis, start: start.clone(), end: end.clone() }));
    }
    if let Some(TypedConcat { axis }) = node.op_as() {
        return Some(Arc::new(ops::shape::Concat { axis: *axis }));
    }
    if node.op_is::<Iff>() {
        return Some(Arc::new(ops::select::Select));
    }
    if let Some(op) = node.op_as::<EinSum>().filter(|op| op.q_params.is_none()) {
        return Some(Arc::new(einsum(op, node.inputs.len())));
    }
    if let Some(op) = node.op_as::<nn::Softmax>() {
        let plain = op.quant_output_dt.is_none() && matches!(op.kind, SoftmaxKind::Softmax);
        return plain.then(|| Arc::new(ops::reduce::Softmax { axes: op.axes.clone() }) as Arc<dyn TypedOp>);
    }
    if let Some(op) = node.op_as::<nn::RmsNorm>() {
        let eps = op.eps.cast_to_scalar::<f32>().ok()?;
        return Some(Arc::new(ops::reduce::RmsNorm { axis: op.axis, eps }));
    }
    if let Some(op) = node.op_as::<nn::Reduce>() {
        let reducer = match op.reducer {
            nn::Reducer::Sum => Reducer::Sum,
            nn::Reducer::Max => Reducer::Max,
            nn::Reducer::Min => Reducer::Min,
            nn::Reducer::MeanOfSquares => Reducer::MeanOfSquares,
            _ => return None,
        };
        return Some(Arc::new(ops::reduce::Reduce { axes: op.axes.clone(), reducer }));
    }
    gather(node).map(|op| Arc::new(op) as Arc<dyn TypedOp>)
}

/// Returns the gather operator of a node, if it is one.
pub(super) fn gather(node: &tract::TypedNode) -> Option<ops::gather::Gather> {
    use ops::gather::Gather as Own;
    if let Some(op) = node.op_as::<Gather>().filter(|op| op.output_type.is_none()) {
        return Some(Own::Slices { axis: op.axis });
    }
    if let Some(op) = node.op_as::<GatherElements>() {
        return Some(Own::Elements { axis: op.axis });
    }
    node.op_as::<GatherNd>().filter(|op| op.batch_dims == 0).map(|_| Own::Nd)
}

fn binary(op: &dyn tract_core::ops::binary::BinMiniOp) -> Option<Binary> {
    Some(match () {
        () if op.is::<math::Add>() => Binary::Add,
        () if op.is::<math::Sub>() => Binary::Sub,
        () if op.is::<math::Mul>() => Binary::Mul,
        () if op.is::<math::Div>() => Binary::Div,
        () if op.is::<math::Min>() => Binary::Min,
        () if op.is::<math::Max>() => Binary::Max,
        () if op.is::<math::Pow>() => Binary::Pow,
        () if op.is::<logic::And>() => Binary::And,
        () if op.is::<logic::Or>() => Binary::Or,
        () if op.is::<logic::CompEq>() => Binary::Equal,
        () if op.is::<logic::CompLT>() => Binary::Less,
        () if op.is::<logic::CompLTE>() => Binary::LessOrEqual,
        () if op.is::<logic::CompGT>() => Binary::Greater,
        () if op.is::<logic::CompGTE>() => Binary::GreaterOrEqual,
        () => return None,
    })
}

fn unary(op: &dyn tract_core::ops::element_wise::ElementWiseMiniOp) -> Option<Unary> {
    Some(match () {
        () if op.is::<math::Abs>() => Unary::Abs,
        () if op.is::<math::Erf>() => Unary::Erf,
        () if op.is::<math::Exp>() => Unary::Exp,
        () if op.is::<GeluExact>() => Unary::Gelu,
        () if op.is::<math::IsNan>() => Unary::IsNan,
        () if op.is::<math::Ln>() => Unary::Ln,
        () if op.is::<math::Neg>() => Unary::Neg,
        () if op.is::<logic::Not>() => Unary::Not,
        () if op.is::<math::Recip>() => Unary::Recip,
        () if op.is::<math::RoundHalfToEven>() => Unary::Round,
        () if op.is::<math::Rsqrt>() => Unary::Rsqrt,
        () if op.is::<nn::Sigmoid>() => Unary::Sigmoid,
        () if op.is::<math::Sign>() => Unary::Sign,
        () if op.is::<math::Sqrt>() => Unary::Sqrt,
        () if op.is::<math::Square>() => Unary::Square,
        () if op.is::<math::Tanh>() => Unary::Tanh,
        () => return None,
    })
}

/// Returns a product with the same axes. An axis that an operand has twice keeps its letter twice.
fn einsum(op: &EinSum, inputs: usize) -> ops::einsum::EinSum {
    let letters = |places: &dyn Fn(&tract::Axis) -> Option<&TVec<usize>>| {
        let mut letters: Vec<(usize, char)> = Vec::new();
        for axis in op.axes.iter_all_axes() {
            letters.extend(places(axis).into_iter().flatten().map(|at| (*at, axis.repr)));
        }
        letters.sort_unstable();
        letters.into_iter().map(|(_, letter)| letter).collect::<String>()
    };
    let of_inputs: Vec<String> = (0..inputs).map(|i| letters(&|axis| axis.inputs.get(i))).collect();
    ops::einsum::EinSum::new(&of_inputs, letters(&|axis| axis.outputs.first()))
}

/// An operator that only tract has.
#[derive(Debug)]
struct Foreign {
    op: Box<dyn tract::TypedOp>,
    facts: TVec<TypedFact>,
}

impl TypedOp for Foreign {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(self.facts.clone())
    }

    fn eval(&self, symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let context = EvalContext { symbols, ..EvalContext::out_of_plan() };
        let inputs = inputs.into_iter().map(IntoTValue::into_tvalue).collect();
        Ok(self.op.eval(&context, inputs)?.into_iter().map(|value| value.into_arc_tensor()).collect())
    }
}
