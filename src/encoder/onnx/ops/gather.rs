//! Translates `Gather`, `GatherElements` and `GatherND`.
//!
//! tract does not check indices at run time and would panic on one that is out of range. The operators here
//! check them first.

use tract_core::internal::*;
use tract_core::ops::array::{Gather, GatherElements, GatherNd};

use crate::encoder::onnx::graph_input::InputRole;
use crate::encoder::onnx::model_sizes::{ModelSizes, embedding_mismatch};
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Value, integer_constant, static_length};
use crate::error::Result;

/// A gather operator of tract with a check of its indices.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub(crate) enum CheckedGather {
    Gather(Gather),
    Elements(GatherElements),
    Nd(GatherNd),
}

impl CheckedGather {
    /// Returns the axis of a `Gather`.
    pub(crate) fn gather_axis(&self) -> Option<usize> {
        match self {
            Self::Gather(op) => Some(op.axis),
            _ => None,
        }
    }

    /// Returns tract's operator.
    fn inner(&self) -> &dyn TypedOp {
        match self {
            Self::Gather(op) => op,
            Self::Elements(op) => op,
            Self::Nd(op) => op,
        }
    }

    /// Checks that every index is within its axis. `data` is the shape of the data.
    fn check(&self, data: &[usize], indices: &Tensor) -> TractResult<()> {
        let (axis, columns) = match self {
            Self::Gather(op) => (op.axis, 1),
            Self::Elements(op) => (op.axis, 1),
            Self::Nd(_) => (0, indices.shape().last().copied().unwrap_or(1)),
        };
        let plain = indices.try_as_plain_ram()?;
        for (i, &index) in plain.as_slice::<i64>()?.iter().enumerate() {
            let length = data.get(axis + i % columns.max(1)).copied().unwrap_or(0) as i64;
            let min = if matches!(self, Self::Nd(_)) { 0 } else { -length };
            ensure!(
                (min..length).contains(&index),
                "index {index} is out of range for an axis of length {length}"
            );
        }
        Ok(())
    }
}

impl Op for CheckedGather {
    fn name(&self) -> StaticName {
        "CheckedGather".into()
    }

    op_as_typed_op!();
}

impl EvalOp for CheckedGather {
    op_out_of_plan!();

    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [data, indices] = &*inputs else { bail!("expected two inputs") };
        self.check(data.shape(), indices)?;
        match self {
            Self::Gather(op) => op.eval(ctx, inputs),
            Self::Elements(op) => op.eval(ctx, inputs),
            Self::Nd(op) => op.eval(ctx, inputs),
        }
    }
}

impl TypedOp for CheckedGather {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.inner().output_facts(inputs)
    }

    as_op!();
}

impl TypedGraphBuilder {
    /// Returns the rows of `table` at `indices` (int32 or int64).
    pub(crate) fn gather_rows(&mut self, table: &Value, indices: &Value) -> Result<Value> {
        self.check_vocabulary(table, indices)?;
        let indices = self.cast(indices, DatumType::I64)?;
        self.wire(CheckedGather::Gather(Gather::new(0)), &[table, &indices])
    }

    /// Checks the rows of an embedding table: a table that is indexed by token ids is the word embedding, one
    /// that is indexed by token types is the token type embedding.
    ///
    /// # Errors
    /// Those of [`embedding_mismatch`].
    fn check_vocabulary(&self, table: &Value, indices: &Value) -> Result<()> {
        let Some(role) = self.input_role(indices).filter(|_| table.rank() == 2) else { return Ok(()) };
        let rows = static_length(&table.dims()[0]).unwrap_or(0);
        let ModelSizes { vocab_size, type_vocab_size, .. } = self.sizes;
        match role {
            InputRole::TokenIds if rows != vocab_size => {
                Err(embedding_mismatch("word", rows, "vocab_size", vocab_size))
            }
            InputRole::TokenTypes if rows < type_vocab_size => {
                Err(embedding_mismatch("token type", rows, "type_vocab_size", type_vocab_size))
            }
            _ => Ok(()),
        }
    }

    /// Casts indices to int64.
    fn indices_as_i64(&mut self, indices: &Value) -> Result<Value> {
        if !matches!(indices.onnx_type(), DatumType::I64 | DatumType::I32) {
            return Err(self.invalid(format_args!(
                "the indices have the type {:?}; expected int64 or int32",
                indices.onnx_type()
            )));
        }
        self.cast(indices, DatumType::I64)
    }
}

pub(crate) fn gather(ctx: &mut NodeContext) -> NodeOutputs {
    let (data, indices) = (ctx.input(0)?, ctx.input(1)?);
    let axis = ctx.axis(ctx.node.int_or("axis", 0)?, data.rank())?;
    // Integer constants: lengths of a shape.
    if let (Some(elements), Some(picks), 1) =
        (data.integer_elements(), indices.integer_elements(), data.rank())
    {
        let mut picked = Vec::with_capacity(picks.len());
        for pick in &picks {
            let at = pick.as_i64().map(|p| if p < 0 { p + elements.len() as i64 } else { p });
            match at.and_then(|at| elements.get(usize::try_from(at).ok()?)) {
                Some(element) => picked.push(element.clone()),
                None => {
                    return Err(ctx.builder.invalid(format_args!(
                        "index {pick} is out of range for {} elements",
                        elements.len()
                    )));
                }
            }
        }
        let shape: Vec<usize> = indices.dims().iter().filter_map(static_length).collect();
        return Ok(tvec!(integer_constant(&picked, &shape).map_err(|e| ctx.builder.invalid(e))?));
    }
    if axis == 0 {
        ctx.builder.check_vocabulary(&data, &indices)?;
    }
    let indices = ctx.builder.indices_as_i64(&indices)?;
    if let (Some(tensor), 0) = (indices.tensor(), indices.rank()) {
        let index = tensor.cast_to_scalar::<i64>().map_err(|e| ctx.builder.invalid(e))?;
        let length = data.dims()[axis].clone();
        if index.unsigned_abs() > 1 << 30 {
            return Err(ctx
                .builder
                .invalid(format_args!("index {index} is out of range for an axis of length {length}")));
        }
        let start = if index < 0 { length + index } else { index.to_dim() };
        let part = ctx.builder.slice_axis(&data, axis, start.clone(), start + 1)?;
        return Ok(tvec!(ctx.builder.wire_axis_op(AxisOp::Rm(axis), &part)?));
    }
    Ok(tvec!(ctx.builder.wire(CheckedGather::Gather(Gather::new(axis)), &[&data, &indices])?))
}

pub(crate) fn gather_elements(ctx: &mut NodeContext) -> NodeOutputs {
    let (data, indices) = (ctx.input(0)?, ctx.input(1)?);
    let axis = ctx.axis(ctx.node.int_or("axis", 0)?, data.rank())?;
    let (mut of_data, mut of_indices) = (data.dims(), indices.dims());
    if of_data.len() != of_indices.len() {
        return Err(ctx.builder.invalid("the inputs have different numbers of axes"));
    }
    of_data.remove(axis);
    of_indices.remove(axis);
    if of_data != of_indices {
        return Err(ctx.builder.unsupported(format_args!(
            "data and indices have different lengths on an axis other than {axis}"
        )));
    }
    let indices = ctx.builder.indices_as_i64(&indices)?;
    Ok(tvec!(ctx.builder.wire(CheckedGather::Elements(GatherElements::new(axis)), &[&data, &indices])?))
}

pub(crate) fn gather_nd(ctx: &mut NodeContext) -> NodeOutputs {
    let (data, indices) = (ctx.input(0)?, ctx.input(1)?);
    if ctx.node.int_or("batch_dims", 0)? != 0 {
        return Err(ctx.builder.unsupported("batch_dims is not 0"));
    }
    let columns = indices.dims().last().and_then(static_length).unwrap_or(0);
    if columns == 0 || columns > data.rank() {
        return Err(ctx.builder.invalid(format_args!("{columns} indices do not match {} axes", data.rank())));
    }
    let indices = ctx.builder.indices_as_i64(&indices)?;
    Ok(tvec!(ctx.builder.wire(CheckedGather::Nd(GatherNd::new(0)), &[&data, &indices])?))
}
