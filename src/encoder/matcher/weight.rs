//! Reads weights from the typed graph: a stored tensor, and what the graph does to its elements
//! before it multiplies by them or looks rows up.

use crate::encoder::graph::ops::axes::AxisOp;
use crate::encoder::graph::ops::binary::Binary;
use crate::encoder::graph::ops::cast::Cast;
use crate::encoder::graph::ops::constant::Const;
use crate::encoder::graph::ops::shape::{BroadcastTo, Concat, Slice};
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::{BlockwiseMatrix, StaticQuantize, WeightPlaceholder, tensor_data};
use crate::encoder::plan::{Matrix, Quantization, Rounding, TensorRef, Vector};

/// Returns the number that every element of an outlet equals, if there is one.
pub(super) fn uniform(model: &TypedModel, outlet: OutletId) -> Option<f32> {
    let fact = model.outlet_fact(outlet).ok()?;
    let one = fact.konst.as_ref().or(fact.uniform.as_ref()).filter(|t| t.is_uniform() && t.len() > 0)?;
    let first = one.as_uniform()?.cast_to::<f32>().ok()?.into_owned();
    first.try_as_plain_ram().ok()?.as_slice::<f32>().ok()?.first().copied()
}

/// Upper bound for the nodes between a stored tensor and its use. Exporters need far fewer.
const MAX_STEPS: usize = 24;

/// Reads a list of numbers along one axis. All other axes have length 1.
pub(super) fn vector(model: &TypedModel, outlet: OutletId) -> Option<Vector> {
    vector_within(model, outlet, MAX_STEPS)
}

fn vector_within(model: &TypedModel, outlet: OutletId, steps: usize) -> Option<Vector> {
    let steps = steps.checked_sub(1)?;
    if let Some(x) = uniform(model, outlet) {
        return Some(Vector::Uniform(x));
    }
    let node = model.node(outlet.node);
    let shape = node.outputs[outlet.slot].shape.as_concrete()?.to_vec();
    if shape.iter().filter(|n| **n != 1).count() > 1 {
        return None;
    }
    let len = shape.iter().product();
    if let Some(tensor) = tensor(model, outlet) {
        return Some(Vector::Stored { tensor, part: None, len });
    }
    if node.op_is::<AxisOp>() || to_float(node) {
        return vector_within(model, *node.inputs.first()?, steps);
    }
    if let Some(slice) = node.op_as::<Slice>() {
        let range = slice.start.to_usize().ok()?..slice.end.to_usize().ok()?;
        return Some(vector_within(model, *node.inputs.first()?, steps)?.part(&range));
    }
    None
}

fn tensor(model: &TypedModel, outlet: OutletId) -> Option<TensorRef> {
    let node = model.node(outlet.node);
    if let Some(handle) = node.op_as::<WeightPlaceholder>() {
        return Some(TensorRef::Weight(handle.index));
    }
    node.op_as::<Const>()?;
    let constant = node.outputs[outlet.slot].konst.as_ref()?;
    Some(TensorRef::Constant(Arc::new(tensor_data(constant).ok()??)))
}

/// Returns true if a node converts to `f32`, which keeps every weight's value.
fn to_float(node: &TypedNode) -> bool {
    node.op_as::<Cast>().is_some_and(|cast| cast.to == DatumType::F32)
}

/// Reads a matrix of weights from the last two axes of an outlet.
pub(super) fn matrix(model: &TypedModel, outlet: OutletId) -> Option<Matrix> {
    let found = matrix_within(model, outlet, MAX_STEPS)?;
    let shape = model.outlet_fact(outlet).ok()?.shape.as_concrete()?.to_vec();
    (shape.get(shape.len().checked_sub(2)?..) == Some(&found.used())).then_some(found)
}

fn matrix_within(model: &TypedModel, outlet: OutletId, steps: usize) -> Option<Matrix> {
    let steps = steps.checked_sub(1)?;
    let node = model.node(outlet.node);
    let fact = &node.outputs[outlet.slot];
    if let Some(tensor) = tensor(model, outlet) {
        // Leading axes of length 1 do not matter.
        let shape = fact.shape.as_concrete()?;
        let (ones, shape) = shape.split_at(shape.len().checked_sub(2)?);
        if ones.iter().any(|n| *n != 1) {
            return None;
        }
        let quantization = Quantization::Affine { axis: None, scale: Vec::new(), zero: None };
        let float = fact.datum_type == DatumType::F32;
        let shape = [shape[0], shape[1]];
        return Some(Matrix {
            parts: vec![tensor],
            shape,
            transposed: false,
            float,
            rounding: None,
            quantization,
            columns: None,
        });
    }
    let input = |i: usize| node.inputs.get(i).copied();
    if to_float(node) {
        return matrix_within(model, input(0)?, steps);
    }
    if let Some(op) = node.op_as::<AxisOp>() {
        if let (AxisOp::Reshape(..), Some(stored)) = (op, tensor(model, input(0)?)) {
            return joined(stored, fact);
        }
        let rank = model.outlet_fact(input(0)?).ok()?.rank();
        let mut inner = matrix_within(model, input(0)?, steps)?;
        let last_two = |a: usize, b: usize| a.min(b) + 2 == rank && a.max(b) + 1 == rank;
        match op {
            AxisOp::Move(a, b) if last_two(*a, *b) => inner.transposed = !inner.transposed,
            AxisOp::Add(at) if at + 2 <= rank => {}
            AxisOp::Rm(at) if at + 2 < rank => {}
            _ => return None,
        }
        return Some(inner);
    }
    if node.op_is::<BroadcastTo>() && fact.shape == model.outlet_fact(input(0)?).ok()?.shape {
        return matrix_within(model, input(0)?, steps);
    }
    if let Some(op) = node.op_as::<Binary>() {
        return dequantized(model, op, input(0)?, input(1)?, steps);
    }
    if let Some(op) = node.op_as::<BlockwiseMatrix>() {
        let scale = Box::new(numbers(model, input(1)?)?);
        let zero = match input(2) {
            Some(zero) => Some(Box::new(numbers(model, zero)?)),
            None => None,
        };
        let quantization = Quantization::Blockwise { format: op.0.clone(), scale, zero };
        let parts = vec![tensor(model, input(0)?)?];
        let shape = [op.0.rows, op.0.columns];
        return Some(Matrix {
            parts,
            shape,
            transposed: false,
            float: false,
            rounding: None,
            quantization,
            columns: None,
        });
    }
    if let Some(op) = node.op_as::<StaticQuantize>() {
        return rounded(model, op, [input(0)?, input(1)?, input(2)?], steps);
    }
    if node.op_as::<Concat>().is_some_and(|op| op.axis == 0) && fact.rank() == 2 {
        return stacked(model, node, steps);
    }
    None
}

/// Reads a stored tensor whose axes the graph joins to those of a matrix.
fn joined(tensor: TensorRef, fact: &TypedFact) -> Option<Matrix> {
    let [rows, columns] = fact.shape.as_concrete()? else { return None };
    let quantization = Quantization::Affine { axis: None, scale: Vec::new(), zero: None };
    let float = fact.datum_type == DatumType::F32;
    let shape = [*rows, *columns];
    Some(Matrix {
        parts: vec![tensor],
        shape,
        transposed: false,
        float,
        quantization,
        columns: None,
        rounding: None,
    })
}

/// Reads a stored tensor, `[heads, columns]` with axes of length 1 in front, as one list.
pub(super) fn per_head(model: &TypedModel, outlet: OutletId, heads: usize, columns: usize) -> Option<Vector> {
    let mut at = outlet;
    for _ in 0..MAX_STEPS {
        let node = model.node(at.node);
        let Some(AxisOp::Add(0)) = node.op_as::<AxisOp>() else { break };
        at = *node.inputs.first()?;
    }
    let shape = model.outlet_fact(at).ok()?.shape.as_concrete()?.to_vec();
    let (ones, last) = shape.split_at(shape.len().checked_sub(2)?);
    let fits = *last == [heads, columns] && ones.iter().all(|n| *n == 1);
    let len = heads * columns;
    Some(Vector::Stored { tensor: tensor(model, at).filter(|_| fits)?, part: None, len })
}

/// Reads all elements of a stored tensor, whatever its axes.
fn numbers(model: &TypedModel, outlet: OutletId) -> Option<Vector> {
    let len = model.outlet_fact(outlet).ok()?.shape.volume().to_usize().ok()?;
    match tensor(model, outlet) {
        Some(tensor) => Some(Vector::Stored { tensor, part: None, len }),
        None => vector(model, outlet),
    }
}

/// Reads a matrix of floats that the graph rounds to integers with fixed scales.
fn rounded(model: &TypedModel, op: &StaticQuantize, inputs: [OutletId; 3], steps: usize) -> Option<Matrix> {
    let mut inner = matrix_within(model, inputs[0], steps)?;
    let raw =
        matches!(&inner.quantization, Quantization::Affine { scale, zero: None, .. } if scale.is_empty());
    if !raw || !inner.float || inner.rounding.is_some() || inner.parts.len() != 1 {
        return None;
    }
    let (scale, scale_axis) = vector_along(model, inputs[1], &inner)?;
    let (zero, zero_axis) = vector_along(model, inputs[2], &inner)?;
    let axis = match (scale_axis, zero_axis) {
        (Some(a), Some(b)) if a != b => return None,
        (a, b) => a.or(b),
    };
    inner.rounding = Some(Rounding { axis, scale, zero, min: op.0.min, max: op.0.max });
    Some(inner)
}

/// Reads a scalar, or a list of numbers along one of the last two axes of a matrix. Returns the axis of the
/// stored matrix.
fn vector_along(model: &TypedModel, outlet: OutletId, inner: &Matrix) -> Option<(Vector, Option<usize>)> {
    let shape = model.outlet_fact(outlet).ok()?.shape.as_concrete()?.to_vec();
    let vector = vector(model, outlet)?;
    let along = match shape.iter().rposition(|n| *n != 1) {
        Some(at) if vector.len() > 1 => Some(at.checked_sub(shape.len().checked_sub(2)?)?),
        _ => None,
    };
    // The axis of the stored matrix.
    let along = along.map(|at| if inner.transposed { 1 - at } else { at });
    let fits = along.is_none_or(|along| inner.shape[along] == vector.len());
    fits.then_some((vector, along))
}

/// Reads a matrix multiplied by a scale, or a matrix minus its zero points.
fn dequantized(model: &TypedModel, op: &Binary, a: OutletId, b: OutletId, steps: usize) -> Option<Matrix> {
    let (mut inner, by) = match matrix_within(model, a, steps) {
        Some(inner) => (inner, b),
        None if *op == Binary::Mul => (matrix_within(model, b, steps)?, a),
        None => return None,
    };
    let (vector, along) = vector_along(model, by, &inner)?;
    let Quantization::Affine { axis, scale, zero } = &mut inner.quantization else { return None };
    match (*axis, along) {
        (Some(have), Some(along)) if have != along => return None,
        (None, along) => *axis = along,
        _ => {}
    }
    if *op == Binary::Mul {
        scale.push(vector);
    } else if *op == Binary::Sub && zero.is_none() && scale.is_empty() {
        *zero = Some(vector);
    } else {
        return None;
    }
    Some(inner)
}

/// Reads matrices stacked along the first axis: the converter splits a weight that is too large
/// for one file.
fn stacked(model: &TypedModel, node: &TypedNode, steps: usize) -> Option<Matrix> {
    let mut all: Option<Matrix> = None;
    for input in &node.inputs {
        let next = matrix_within(model, *input, steps)?;
        let raw = next.rounding.is_none()
            && matches!(&next.quantization, Quantization::Affine { scale, zero: None, .. } if scale.is_empty());
        if !raw || next.transposed || next.columns.is_some() {
            return None;
        }
        match &mut all {
            None => all = Some(next),
            Some(all) if all.shape[1] == next.shape[1] && all.float == next.float => {
                all.shape[0] += next.shape[0];
                all.parts.extend(next.parts);
            }
            Some(_) => return None,
        }
    }
    all
}
