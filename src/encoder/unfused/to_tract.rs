//! Translates the typed graph to tract's, operator by operator.
//!
//! An operator of which tract has no counterpart, or one that is slower to explain than to run, runs as it is:
//! [`Interpreted`].

use std::collections::HashMap;
use std::sync::Arc;

use tract_core::internal as tract;
use tract_core::internal::{AxesMapping, SpecialOps, bail};
use tract_core::ops::array::{MultiBroadcastTo, Slice as TractSlice, Tile as TractTile, TypedConcat};
use tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_core::ops::cast::cast;
use tract_core::ops::einsum::EinSum as TractEinSum;
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::logic::{self, Iff};
use tract_core::ops::nn::gelu_exact::gelu_exact;
use tract_core::ops::nn::{self, SoftmaxKind};
use tract_core::ops::{change_axes, math};

use crate::encoder::graph::ops::axes::AxisOp;
use crate::encoder::graph::ops::binary::Binary;
use crate::encoder::graph::ops::cast::Cast;
use crate::encoder::graph::ops::constant::{Const, TypedSource};
use crate::encoder::graph::ops::einsum::EinSum;
use crate::encoder::graph::ops::reduce::{Reduce, Reducer, RmsNorm, Softmax};
use crate::encoder::graph::ops::select::Select;
use crate::encoder::graph::ops::shape::{BroadcastTo, Concat, Slice, Tile};
use crate::encoder::graph::ops::unary::Unary;
use crate::encoder::graph::prelude::{
    DatumType, OutletId, TVec, TractResult, TypedModel, TypedOp, rctensor0, tvec,
};

use super::interpreted::{Interpreted, fact_to_tract};

/// Returns the graph as tract's.
///
/// # Errors
/// If tract rejects an operator.
pub(super) fn to_tract(model: TypedModel) -> TractResult<tract::TypedModel> {
    let mut new = tract::TypedModel { symbols: model.symbols.clone(), ..tract::TypedModel::default() };
    let mut moved: HashMap<OutletId, tract::OutletId> = HashMap::new();
    let order = model.eval_order();
    for outlet in &model.inputs {
        let node = model.node(outlet.node);
        let fact = &node.outputs[outlet.slot];
        let source = new.add_source(&node.name, fact_to_tract(fact))?;
        moved.insert(*outlet, source);
    }
    for id in order {
        let node = model.node(id);
        if node.op_is::<TypedSource>() {
            continue;
        }
        // The id makes the name unique.
        let name = format!("{}.{id}", node.name);
        if let Some(Const(value)) = node.op_as() {
            moved.insert(OutletId::new(id, 0), new.add_const(name, value.clone())?);
            continue;
        }
        let mut inputs: TVec<tract::OutletId> = tvec!();
        for input in &node.inputs {
            match moved.get(input) {
                Some(input) => inputs.push(*input),
                None => bail!("node {} reads a value that nothing computes", node.name),
            }
        }
        let outlets = new.wire_node(name, op_to_tract(&node.op)?, &inputs)?;
        for (slot, to) in outlets.into_iter().enumerate() {
            moved.insert(OutletId::new(id, slot), to);
        }
    }
    let outputs: Vec<tract::OutletId> =
        model.outputs.iter().filter_map(|outlet| moved.get(outlet).copied()).collect();
    new.select_output_outlets(&outputs)?;
    Ok(new)
}

/// Returns tract's operator.
fn op_to_tract(op: &Arc<dyn TypedOp>) -> TractResult<Box<dyn tract::TypedOp>> {
    if let Some(op) = op.downcast_ref::<Binary>() {
        return Ok(Box::new(TypedBinOp(binary(*op), None)));
    }
    if let Some(op) = op.downcast_ref::<Unary>() {
        return Ok(Box::new(unary(*op)));
    }
    if let Some(op) = op.downcast_ref::<AxisOp>() {
        return Ok(Box::new(match op.clone() {
            AxisOp::Add(at) => change_axes::AxisOp::Add(at),
            AxisOp::Rm(at) => change_axes::AxisOp::Rm(at),
            AxisOp::Move(from, to) => change_axes::AxisOp::Move(from, to),
            AxisOp::Reshape(at, from, to) => change_axes::AxisOp::Reshape(at, from.into(), to.into()),
        }));
    }
    if let Some(Cast { to }) = op.downcast_ref() {
        return Ok(Box::new(cast(*to)));
    }
    if let Some(BroadcastTo { shape }) = op.downcast_ref() {
        return Ok(Box::new(MultiBroadcastTo::new(shape.iter().into())));
    }
    if let Some(Tile { multipliers }) = op.downcast_ref() {
        return Ok(Box::new(TractTile { multipliers: multipliers.clone() }));
    }
    if let Some(Slice { axis, start, end }) = op.downcast_ref() {
        return Ok(Box::new(TractSlice::new(*axis, start.clone(), end.clone())));
    }
    if let Some(Concat { axis }) = op.downcast_ref() {
        return Ok(Box::new(TypedConcat::new(*axis)));
    }
    if op.downcast_ref::<Select>().is_some() {
        return Ok(Box::new(Iff));
    }
    if let Some(EinSum { inputs, output }) = op.downcast_ref() {
        let axes = AxesMapping::from_strs(inputs, std::slice::from_ref(output))?;
        return Ok(Box::new(TractEinSum::new(axes, DatumType::F32)));
    }
    if let Some(Softmax { axes }) = op.downcast_ref() {
        return Ok(Box::new(nn::Softmax::new(axes.clone(), None, SoftmaxKind::Softmax)));
    }
    if let Some(RmsNorm { axis, eps }) = op.downcast_ref() {
        return Ok(Box::new(nn::RmsNorm { axis: *axis, eps: rctensor0(*eps) }));
    }
    if let Some(Reduce { axes, reducer }) = op.downcast_ref() {
        let reducer = match reducer {
            Reducer::Sum => nn::Reducer::Sum,
            Reducer::Max => nn::Reducer::Max,
            Reducer::Min => nn::Reducer::Min,
            #[cfg(feature = "cli")]
            Reducer::MeanOfSquares => nn::Reducer::MeanOfSquares,
        };
        return Ok(Box::new(nn::Reduce { axes: axes.clone(), reducer }));
    }
    Ok(Box::new(Interpreted::new(op.clone())))
}

fn binary(op: Binary) -> Box<dyn BinMiniOp> {
    match op {
        Binary::Add => Box::new(math::Add),
        Binary::Sub => Box::new(math::Sub),
        Binary::Mul => Box::new(math::Mul),
        Binary::Div => Box::new(math::Div),
        Binary::Min => Box::new(math::Min),
        Binary::Max => Box::new(math::Max),
        Binary::Pow => Box::new(math::Pow),
        Binary::And => Box::new(logic::And),
        Binary::Or => Box::new(logic::Or),
        Binary::Equal => Box::new(logic::CompEq),
        Binary::Less => Box::new(logic::CompLT),
        Binary::LessOrEqual => Box::new(logic::CompLTE),
        Binary::Greater => Box::new(logic::CompGT),
        Binary::GreaterOrEqual => Box::new(logic::CompGTE),
    }
}

fn unary(op: Unary) -> ElementWiseOp {
    match op {
        Unary::Abs => math::abs(),
        Unary::Erf => math::erf(),
        Unary::Exp => math::exp(),
        Unary::Gelu => gelu_exact(),
        Unary::IsNan => math::is_nan(),
        Unary::Ln => math::ln(),
        Unary::Neg => math::neg(),
        Unary::Not => logic::not(),
        Unary::Recip => math::recip(),
        Unary::Round => math::round_half_to_even(),
        Unary::Rsqrt => math::rsqrt(),
        Unary::Sigmoid => nn::sigmoid(),
        Unary::Sign => math::sign(),
        Unary::Sqrt => math::sqrt(),
        Unary::Square => math::square(),
        Unary::Tanh => math::tanh(),
    }
}
