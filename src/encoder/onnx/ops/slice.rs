//! Translates `Slice` and `Split`.

use crate::encoder::graph::Zero;
use crate::encoder::graph::ops::shape::Slice;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::model_sizes::embedding_mismatch;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::{Value, integer_constant, static_length};
use crate::error::Result;

/// Exporters write "to the end" as a number larger than any length: at least this one.
const MIN_OPEN_BOUND: i64 = 1 << 30;

impl TypedGraphBuilder {
    /// Returns `start..end` of an axis.
    ///
    /// # Errors
    /// `INVALID_MODEL` if the range is not within the axis.
    pub(crate) fn slice_axis(&mut self, x: &Value, axis: usize, start: TDim, end: TDim) -> Result<Value> {
        let length = x.dims()[axis].clone();
        if start.is_zero() && end == length {
            return Ok(x.clone());
        }
        let negative = |d: &TDim| d.prove_strict_negative();
        if negative(&start) || negative(&(end.clone() - &start)) || negative(&(length.clone() - &end)) {
            return Err(self.invalid(format_args!(
                "the slice {start} to {end} is out of range for an axis of length {length}"
            )));
        }
        if let (Some(elements), 1) = (x.integer_elements(), x.rank())
            && let (Some(start), Some(end)) = (start.as_i64(), end.as_i64())
        {
            let part = elements.get(start as usize..end as usize).unwrap_or_default().to_vec();
            let length = part.len();
            return integer_constant(&part, &[length]).map_err(|e| self.invalid(e));
        }
        self.wire(Slice { axis, start, end }, &[x])
    }

    /// Returns a bound of a slice as an index. A negative bound counts from the end; bounds are clamped to the
    /// axis.
    fn bound(&self, at: &TDim, length: &TDim) -> Result<TDim> {
        let Some(at) = at.as_i64() else {
            // The position table, cut to the length of the sequence.
            if let (Some(length), Some(most)) = (static_length(length), self.length_of_longest_text(at)) {
                // A table whose rows for text begin late has fewer of them than tokens.
                let first = self.length_of_shortest_text(at).unwrap_or(1).saturating_sub(1);
                if length + first < most {
                    return Err(embedding_mismatch("position", length, "max_position_embeddings", most));
                }
                return Ok(at.clone());
            }
            if (at.clone() - length).prove_negative_or_zero() {
                return Ok(at.clone());
            }
            return Err(self.unsupported(format_args!("a slice bound {at} for an axis of length {length}")));
        };
        if at >= MIN_OPEN_BOUND {
            return Ok(length.clone());
        }
        if at <= -MIN_OPEN_BOUND {
            return Ok(0.to_dim());
        }
        let place = if at < 0 { length.clone() + at } else { at.to_dim() };
        match length.as_i64() {
            Some(length) => Ok(place.as_i64().unwrap_or(0).clamp(0, length).to_dim()),
            None if place.prove_positive_or_zero() && (length.clone() - &place).prove_positive_or_zero() => {
                Ok(place)
            }
            None => Err(self.unsupported(format_args!("a slice bound {at} for an axis of length {length}"))),
        }
    }
}

pub(crate) fn slice(ctx: &mut NodeContext) -> NodeOutputs {
    let mut x = ctx.input(0)?;
    let list = |ctx: &NodeContext, name: &str, input: usize| -> Result<Option<Vec<TDim>>> {
        if ctx.builder.opset < 10 {
            return Ok(ctx.node.ints(name)?.map(|l| l.iter().map(ToDim::to_dim).collect()));
        }
        let Some(value) = ctx.optional(input) else { return Ok(None) };
        match value.integer_elements() {
            Some(list) if value.rank() == 1 => Ok(Some(list)),
            _ => Err(ctx.builder.unsupported(format_args!("the {name} are not constant"))),
        }
    };
    let (Some(starts), Some(ends)) = (list(ctx, "starts", 1)?, list(ctx, "ends", 2)?) else {
        return Err(ctx.builder.invalid("the starts or the ends are missing"));
    };
    let axes = match list(ctx, "axes", 3)? {
        Some(axes) => axes,
        None => (0..starts.len()).map(|a| a.to_dim()).collect(),
    };
    let steps = if ctx.builder.opset < 10 { None } else { list(ctx, "steps", 4)? };
    if steps.is_some_and(|s| s.len() != starts.len() || s.iter().any(|s| !s.is_one())) {
        return Err(ctx.builder.unsupported("the steps are not 1"));
    }
    if starts.len() != ends.len() || axes.len() != starts.len() {
        return Err(ctx.builder.invalid("the numbers of starts, ends and axes differ"));
    }
    for ((start, end), axis) in starts.iter().zip(&ends).zip(&axes) {
        let axis = ctx.axis(axis.as_i64().unwrap_or(i64::MAX), x.rank())?;
        let length = x.dims()[axis].clone();
        let start = ctx.builder.bound(start, &length)?;
        let end = ctx.builder.bound(end, &length)?;
        let end = if (end.clone() - &start).prove_strict_negative() { start.clone() } else { end };
        x = ctx.builder.slice_axis(&x, axis, start, end)?;
    }
    Ok(tvec!(x))
}

pub(crate) fn split(ctx: &mut NodeContext) -> NodeOutputs {
    let x = ctx.input(0)?;
    let axis = ctx.axis(ctx.node.int_or("axis", 0)?, x.rank())?;
    let parts = ctx.node.outputs.len();
    let Some(length) = x.dims()[axis].as_i64() else {
        return Err(ctx.builder.unsupported("the split axis is the batch or the sequence"));
    };
    let listed = if ctx.builder.opset < 13 {
        ctx.node.ints("split")?.map(<[i64]>::to_vec)
    } else if ctx.optional(1).is_some() {
        Some(ctx.constant_integers(1)?)
    } else {
        None
    };
    let stated = ctx.node.int("num_outputs")?;
    if stated.is_some_and(|count| listed.is_some() || count != parts as i64) {
        return Err(ctx
            .builder
            .invalid(format_args!("num_outputs is {stated:?}, beside split lengths or {parts} outputs")));
    }
    let lengths = match listed {
        Some(listed) => listed,
        // The last part may be shorter from version 18 on.
        None if ctx.builder.opset < 18 && length % parts as i64 != 0 => {
            return Err(ctx
                .builder
                .invalid(format_args!("{length} does not split into {parts} equal parts")));
        }
        None => {
            let each = length.div_euclid(parts as i64) + i64::from(length % parts as i64 != 0);
            (0..parts as i64).map(|i| (length - i * each).clamp(0, each)).collect()
        }
    };
    let mut end = 0i64;
    let mut outputs = tvec!();
    for part in &lengths {
        let start = end;
        if !(0..=MIN_OPEN_BOUND).contains(part) {
            return Err(ctx.builder.invalid(format_args!("the split lengths {lengths:?} are out of range")));
        }
        end += part;
        if end > length {
            break;
        }
        outputs.push(ctx.builder.slice_axis(&x, axis, start.to_dim(), end.to_dim())?);
    }
    if end != length || outputs.len() != parts {
        return Err(ctx.builder.invalid(format_args!(
            "the split lengths {lengths:?} do not match {parts} outputs and an axis of length {length}"
        )));
    }
    Ok(outputs)
}
