//! Removes static quantization from a part of a graph that is evaluated: masks and positions.
//!
//! A quantizer that was calibrated without padding quantizes masks to a range in which they mask nothing. The
//! matcher skips the quantization of masks as it skips that of activations.

use std::collections::HashMap;

use super::abstract_value::close;
use super::weight::uniform;
use crate::encoder::graph::ops::axes::AxisOp;
use crate::encoder::graph::ops::binary::Binary;
use crate::encoder::graph::ops::cast::Cast;
use crate::encoder::graph::ops::constant::TypedSource;
use crate::encoder::graph::ops::shape::{BroadcastTo, Slice};
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::StaticQuantize;

/// Scale and zero point of a quantized value, as far as they have not been undone.
#[derive(Clone, Copy)]
struct Pending {
    scale: f32,
    zero: f32,
}

/// Returns true if a graph quantizes with fixed scales.
pub(super) fn has_static_quantization(model: &TypedModel) -> bool {
    model.nodes().iter().any(|node| node.op_is::<StaticQuantize>())
}

/// Returns the graph without static quantization: values that are quantized and dequantized stay as they are.
///
/// # Errors
/// If quantized values are used in another way than to dequantize or move them.
pub(super) fn without_static_quantization(model: &TypedModel) -> TractResult<TypedModel> {
    let mut new = TypedModel::with_symbols(model.symbols.clone());
    let mut moved: HashMap<OutletId, OutletId> = HashMap::new();
    let mut pending: HashMap<OutletId, Pending> = HashMap::new();
    // All inputs of the graph stay, also those that the part does not read.
    for outlet in &model.inputs {
        let node = model.node(outlet.node);
        moved.insert(*outlet, new.add_source(&node.name, node.outputs[outlet.slot].clone()));
    }
    for id in model.eval_order() {
        let node = model.node(id);
        if node.op_is::<TypedSource>() {
            continue;
        }
        let outlet = OutletId::new(id, 0);
        let inputs: Option<TVec<OutletId>> = node.inputs.iter().map(|i| moved.get(i).copied()).collect();
        let Some(inputs) = inputs else { bail!("an input is not computed before its use") };
        let quantized = node.inputs.first().and_then(|input| pending.get(input)).copied();
        if let (true, [_, scale, zero]) = (node.op_is::<StaticQuantize>(), &node.inputs[..]) {
            let (Some(scale), Some(zero)) = (uniform(model, *scale), uniform(model, *zero)) else {
                bail!("the scale is not one constant")
            };
            moved.insert(outlet, inputs[0]);
            pending.insert(outlet, Pending { scale, zero });
            continue;
        }
        if let Some(quantized) = quantized {
            let by = || node.inputs.get(1).and_then(|by| uniform(model, *by));
            let op = node.op_as::<Binary>().copied();
            let left = if node.op_as::<Cast>().is_some_and(|cast| cast.to == DatumType::F32) {
                Some(quantized)
            } else if op == Some(Binary::Sub) && by() == Some(quantized.zero) {
                Some(Pending { zero: 0.0, ..quantized })
            } else if op == Some(Binary::Mul)
                && quantized.zero == 0.0
                && by().is_some_and(|by| close(by, quantized.scale))
            {
                None
            } else if node.op_is::<AxisOp>() || node.op_is::<BroadcastTo>() || node.op_is::<Slice>() {
                let outlets = new.wire_node(&node.name, node.op.clone(), &inputs)?;
                moved.insert(outlet, outlets[0]);
                pending.insert(outlet, quantized);
                continue;
            } else {
                bail!("quantized values are used by {:?}", node.op)
            };
            moved.insert(outlet, inputs[0]);
            left.and_then(|left| pending.insert(outlet, left));
            continue;
        }
        let outlets = new.wire_node(&node.name, node.op.clone(), &inputs)?;
        for (slot, to) in outlets.into_iter().enumerate() {
            moved.insert(OutletId::new(id, slot), to);
        }
    }
    new.outputs = model.outputs.iter().filter_map(|outlet| moved.get(outlet).copied()).collect();
    Ok(new)
}
