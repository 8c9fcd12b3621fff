//! Weights as the graph spells them: a stored tensor, and what is done to its numbers before
//! they are multiplied or looked up.

use std::ops::Range;

use tract_core::internal::{AxisOp, DimLike};
use tract_core::ops::array::{MultiBroadcastTo, Slice, TypedConcat};
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::cast::Cast;
use tract_core::ops::konst::Const;
use tract_core::ops::math;
use tract_core::prelude::*;

use crate::encoder::onnx::{Blocked, WeightPlaceholder};

/// Where numbers come from.
#[derive(Debug, Clone)]
pub(crate) enum TensorRef {
    /// A constant of the graph.
    Constant(Arc<Tensor>),
    /// A weight by its place among the graph's.
    Weight(usize),
}

impl PartialEq for TensorRef {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Constant(a), Self::Constant(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Weight(a), Self::Weight(b)) => a == b,
            _ => false,
        }
    }
}

/// One number, or one for each of a run of places.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Vector {
    /// The same everywhere.
    Uniform(f32),
    /// A stored tensor's elements, or a part of them.
    Stored { tensor: TensorRef, part: Option<Range<usize>>, len: usize },
}

/// A matrix of weights.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    /// Stored tensors of two axes, one below the other.
    pub(crate) parts: Vec<TensorRef>,
    /// As stored.
    pub(crate) shape: [usize; 2],
    /// Whether its use has the axes the other way round.
    pub(crate) transposed: bool,
    /// Whether floats or integers are stored.
    pub(crate) float: bool,
    /// How numbers become weights.
    pub(crate) quantization: Quantization,
    /// The columns (of its use) that are taken, or all.
    pub(crate) columns: Option<Range<usize>>,
}

/// How stored numbers become weights.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Quantization {
    /// `scale · (q − zero)`, the scale a product. `axis`: that of the stored matrix which scales
    /// and zero points go along, `None` while all are single numbers.
    Affine { axis: Option<usize>, scale: Vec<Vector>, zero: Option<Vector> },
    /// Blocks along the rows.
    Blockwise { op: Blocked, scale: Box<Vector>, zero: Option<Box<Vector>> },
}

impl Matrix {
    /// RowPolynomial and columns of its use.
    pub(crate) fn used(&self) -> [usize; 2] {
        let [rows, columns] = if self.transposed { [self.shape[1], self.shape[0]] } else { self.shape };
        [rows, self.columns.as_ref().map_or(columns, Range::len)]
    }

    /// Some of the columns.
    pub(super) fn columns(mut self, range: &Range<usize>) -> Self {
        let start = self.columns.as_ref().map_or(0, |c| c.start);
        self.columns = Some(start + range.start..start + range.end);
        self
    }

    /// Another factor: one number, or one for each column of its use.
    pub(super) fn scaled(mut self, by: &Vector) -> Option<Self> {
        let used = usize::from(!self.transposed);
        let Quantization::Affine { axis, scale, .. } = &mut self.quantization else { return None };
        if by.len() > 1 {
            if self.columns.is_some() || by.len() != self.shape[used] || axis.is_some_and(|a| a != used) {
                return None;
            }
            *axis = Some(used);
        }
        scale.push(by.clone());
        Some(self)
    }
}

impl Vector {
    /// How many numbers, 1 for a uniform one.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Uniform(_) => 1,
            Self::Stored { len, .. } => *len,
        }
    }

    /// Some of them.
    pub(super) fn part(&self, range: &Range<usize>) -> Self {
        match self {
            Self::Uniform(x) => Self::Uniform(*x),
            Self::Stored { tensor, part, .. } => {
                let start = part.as_ref().map_or(0, |p| p.start);
                let part = Some(start + range.start..start + range.end);
                Self::Stored { tensor: tensor.clone(), part, len: range.len() }
            }
        }
    }
}

/// The one number that an outlet is everywhere.
pub(super) fn uniform(model: &TypedModel, outlet: OutletId) -> Option<f32> {
    let fact = model.outlet_fact(outlet).ok()?;
    let one = fact.konst.as_ref().or(fact.uniform.as_ref()).filter(|t| t.is_uniform() && t.len() > 0)?;
    let first = one.as_uniform()?.cast_to::<f32>().ok()?.into_owned();
    first.try_as_plain_ram().ok()?.as_slice::<f32>().ok()?.first().copied()
}

/// More steps than any exporter takes from a stored tensor to its use.
const STEPS: usize = 24;

/// A list of numbers that lie along one axis, whatever axes of length 1 are around it.
pub(super) fn vector(model: &TypedModel, outlet: OutletId) -> Option<Vector> {
    vector_within(model, outlet, STEPS)
}

fn vector_within(model: &TypedModel, outlet: OutletId, steps: usize) -> Option<Vector> {
    let steps = steps.checked_sub(1)?;
    if let Some(x) = uniform(model, outlet) {
        return Some(Vector::Uniform(x));
    }
    let node = model.node(outlet.node);
    let shape = node.outputs[outlet.slot].fact.shape.as_concrete()?.to_vec();
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
    node.outputs[outlet.slot].fact.konst.clone().map(TensorRef::Constant)
}

/// Whether a node makes floats of numbers, which changes none of them.
fn to_float(node: &TypedNode) -> bool {
    node.op_as::<Cast>().is_some_and(|cast| cast.to == DatumType::F32)
}

/// A matrix of weights, of the outlet's last two axes.
pub(super) fn matrix(model: &TypedModel, outlet: OutletId) -> Option<Matrix> {
    let found = matrix_within(model, outlet, STEPS)?;
    let shape = model.outlet_fact(outlet).ok()?.shape.as_concrete()?.to_vec();
    (shape.get(shape.len().checked_sub(2)?..) == Some(&found.used())).then_some(found)
}

fn matrix_within(model: &TypedModel, outlet: OutletId, steps: usize) -> Option<Matrix> {
    let steps = steps.checked_sub(1)?;
    let node = model.node(outlet.node);
    let fact = &node.outputs[outlet.slot].fact;
    if let Some(tensor) = tensor(model, outlet) {
        // A batch of one matrix is a matrix.
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
            quantization,
            columns: None,
        });
    }
    let input = |i: usize| node.inputs.get(i).copied();
    if to_float(node) {
        return matrix_within(model, input(0)?, steps);
    }
    if let Some(op) = node.op_as::<AxisOp>() {
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
    if node.op_is::<MultiBroadcastTo>() && fact.shape == model.outlet_fact(input(0)?).ok()?.shape {
        return matrix_within(model, input(0)?, steps);
    }
    if let Some(op) = node.op_as::<TypedBinOp>() {
        return coded(model, op, input(0)?, input(1)?, steps);
    }
    if let Some(op) = node.op_as::<Blocked>() {
        let scale = Box::new(numbers(model, input(1)?)?);
        let zero = match input(2) {
            Some(zero) => Some(Box::new(numbers(model, zero)?)),
            None => None,
        };
        let quantization = Quantization::Blockwise { op: op.clone(), scale, zero };
        let parts = vec![tensor(model, input(0)?)?];
        let shape = [op.rows, op.columns];
        return Some(Matrix { parts, shape, transposed: false, float: false, quantization, columns: None });
    }
    if node.op_as::<TypedConcat>().is_some_and(|op| op.axis == 0) && fact.rank() == 2 {
        return joined(model, node, steps);
    }
    None
}

/// All numbers of a stored tensor, whatever its axes.
fn numbers(model: &TypedModel, outlet: OutletId) -> Option<Vector> {
    let len = model.outlet_fact(outlet).ok()?.shape.volume().to_usize().ok()?;
    match tensor(model, outlet) {
        Some(tensor) => Some(Vector::Stored { tensor, part: None, len }),
        None => vector(model, outlet),
    }
}

/// A matrix times a scale, or less its zero points.
fn coded(model: &TypedModel, op: &TypedBinOp, a: OutletId, b: OutletId, steps: usize) -> Option<Matrix> {
    let (mut inner, by) = match matrix_within(model, a, steps) {
        Some(inner) => (inner, b),
        None if op.0.is::<math::Mul>() => (matrix_within(model, b, steps)?, a),
        None => return None,
    };
    let by_shape = model.outlet_fact(by).ok()?.shape.as_concrete()?.to_vec();
    let vector = vector(model, by)?;
    let along = match by_shape.iter().rposition(|n| *n != 1) {
        Some(at) if vector.len() > 1 => Some(at.checked_sub(by_shape.len().checked_sub(2)?)?),
        _ => None,
    };
    // The axis as it is stored.
    let along = along.map(|at| if inner.transposed { 1 - at } else { at });
    let fits = |a: &usize| inner.shape[*a] == vector.len();
    if inner.parts.len() > 1 || along.as_ref().is_some_and(|a| !fits(a)) {
        return None;
    }
    let Quantization::Affine { axis, scale, zero } = &mut inner.quantization else { return None };
    match (*axis, along) {
        (Some(have), Some(along)) if have != along => return None,
        (None, along) => *axis = along,
        _ => {}
    }
    if op.0.is::<math::Mul>() {
        scale.push(vector);
    } else if op.0.is::<math::Sub>() && zero.is_none() && scale.is_empty() {
        *zero = Some(vector);
    } else {
        return None;
    }
    Some(inner)
}

/// Matrices one below the other: a weight that was too large for one file.
fn joined(model: &TypedModel, node: &TypedNode, steps: usize) -> Option<Matrix> {
    let mut all: Option<Matrix> = None;
    for input in &node.inputs {
        let next = matrix_within(model, *input, steps)?;
        let raw =
            matches!(&next.quantization, Quantization::Affine { scale, zero: None, .. } if scale.is_empty());
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
