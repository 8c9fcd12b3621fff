//! Translates `Gather`, `GatherElements` and `GatherND`.

use crate::encoder::graph::ops::axes::AxisOp;
use crate::encoder::graph::ops::gather::Gather;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::graph_input::InputRole;
use crate::encoder::onnx::model_sizes::{ModelSizes, embedding_mismatch};
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Value, integer_constant, static_length};
use crate::error::Result;

impl TypedGraphBuilder {
    /// Returns the rows of `table` at `indices` (int32 or int64).
    pub(crate) fn gather_rows(&mut self, table: &Value, indices: &Value) -> Result<Value> {
        self.check_vocabulary(table, indices)?;
        let indices = self.cast(indices, DatumType::I64)?;
        self.wire(Gather::Slices { axis: 0 }, &[table, &indices])
    }

    /// Checks the rows of an embedding table: a table that is indexed by token ids is the word embedding, one
    /// that is indexed by token types is the token type embedding.
    ///
    /// # Errors
    /// The errors of [`embedding_mismatch`].
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
    Ok(tvec!(ctx.builder.wire(Gather::Slices { axis }, &[&data, &indices])?))
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
    Ok(tvec!(ctx.builder.wire(Gather::Elements { axis }, &[&data, &indices])?))
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
    Ok(tvec!(ctx.builder.wire(Gather::Nd, &[&data, &indices])?))
}
