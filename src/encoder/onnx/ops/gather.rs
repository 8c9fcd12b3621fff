//! `Gather`, `GatherElements`, `GatherND`.
//!
//! tract trusts indices that it reads at run time, and would panic on one that
//! lies outside. The operators here look first.

use tract_core::internal::*;
use tract_core::ops::array::{Gather, GatherElements, GatherNd};

use crate::encoder::onnx::build::Builder;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::{Value, fixed, integers};
use crate::encoder::onnx::{Expected, Role};
use crate::error::{Error, ErrorCode, Result};

/// One of tract's gathering operators, behind a check of its indices.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub(crate) enum Checked {
    Gather(Gather),
    Elements(GatherElements),
    Nd(GatherNd),
}

impl Checked {
    /// The axis that a `Gather` takes slices along.
    pub(crate) fn rows_of_axis(&self) -> Option<usize> {
        match self {
            Self::Gather(op) => Some(op.axis),
            _ => None,
        }
    }

    fn inner(&self) -> &dyn TypedOp {
        match self {
            Self::Gather(op) => op,
            Self::Elements(op) => op,
            Self::Nd(op) => op,
        }
    }

    /// Whether every index lies within the axis that it is an index of.
    fn check(&self, data: &[usize], indices: &Tensor) -> TractResult<()> {
        let (axis, columns) = match self {
            Self::Gather(op) => (op.axis, 1),
            Self::Elements(op) => (op.axis, 1),
            Self::Nd(_) => (0, indices.shape().last().copied().unwrap_or(1)),
        };
        let plain = indices.try_as_plain_ram()?;
        for (i, &index) in plain.as_slice::<i64>()?.iter().enumerate() {
            let length = data.get(axis + i % columns.max(1)).copied().unwrap_or(0) as i64;
            let least = if matches!(self, Self::Nd(_)) { 0 } else { -length };
            ensure!((least..length).contains(&index), "index {index} of an axis of {length}");
        }
        Ok(())
    }
}

impl Op for Checked {
    fn name(&self) -> StaticName {
        "CheckedGather".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Checked {
    op_out_of_plan!();

    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [data, indices] = &*inputs else { bail!("two inputs are due") };
        self.check(data.shape(), indices)?;
        match self {
            Self::Gather(op) => op.eval(ctx, inputs),
            Self::Elements(op) => op.eval(ctx, inputs),
            Self::Nd(op) => op.eval(ctx, inputs),
        }
    }
}

impl TypedOp for Checked {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.inner().output_facts(inputs)
    }

    as_op!();
}

impl Builder {
    /// The rows of `table`'s axis 0 that `indices` (int32 or int64) name.
    pub(crate) fn rows(&mut self, table: &Value, indices: &Value) -> Result<Value> {
        self.check_vocabulary(table, indices)?;
        let indices = self.cast(indices, DatumType::I64)?;
        self.wire(Checked::Gather(Gather::new(0)), &[table, &indices])
    }

    /// A table that is read at the token ids is the word embedding: its rows are
    /// the vocabulary. One that is read at the token types has a row for each.
    fn check_vocabulary(&self, table: &Value, indices: &Value) -> Result<()> {
        let Some(role) = self.role(indices).filter(|_| table.rank() == 2) else { return Ok(()) };
        let rows = fixed(&table.dims()[0]).unwrap_or(0);
        let Expected { vocab_size, type_vocab_size, .. } = self.expected;
        match role {
            Role::TokenIds if rows != vocab_size => Err(other_size("word", rows, "vocab_size", vocab_size)),
            Role::TokenTypes if rows < type_vocab_size => {
                Err(other_size("token type", rows, "type_vocab_size", type_vocab_size))
            }
            _ => Ok(()),
        }
    }

    fn must_be_indices(&mut self, indices: &Value) -> Result<Value> {
        if !matches!(indices.onnx_type(), DatumType::I64 | DatumType::I32) {
            return Err(self.invalid(format_args!("its indices are {:?}", indices.onnx_type())));
        }
        self.cast(indices, DatumType::I64)
    }
}

/// The graph is another model's than `config.json`.
pub(crate) fn other_size(what: &str, rows: usize, key: &str, size: usize) -> Error {
    let message = format!("the graph's {what} embedding has {rows} rows, but config.json says {key} {size}");
    // A graph of another vocabulary is what a tokenizer and config of another model come to.
    let code = if key == "vocab_size" { ErrorCode::TokenizerMismatch } else { ErrorCode::UnsupportedModel };
    Error::new(code, message)
}

pub(crate) fn gather(site: &mut Site) -> Outputs {
    let (data, indices) = (site.input(0)?, site.input(1)?);
    let axis = site.axis(site.node.int_or("axis", 0)?, data.rank())?;
    // A length out of a shape, or the first row of each text.
    if let (Some(elements), Some(picks), 1) = (data.lengths_of(), indices.lengths_of(), data.rank()) {
        let mut picked = Vec::with_capacity(picks.len());
        for pick in &picks {
            let at = pick.as_i64().map(|p| if p < 0 { p + elements.len() as i64 } else { p });
            match at.and_then(|at| elements.get(usize::try_from(at).ok()?)) {
                Some(element) => picked.push(element.clone()),
                None => return Err(site.build.invalid(format_args!("index {pick} of {}", elements.len()))),
            }
        }
        let shape: Vec<usize> = indices.dims().iter().filter_map(fixed).collect();
        return Ok(tvec!(integers(&picked, &shape).map_err(|e| site.build.invalid(e))?));
    }
    if axis == 0 {
        site.build.check_vocabulary(&data, &indices)?;
    }
    let indices = site.build.must_be_indices(&indices)?;
    if let (Some(tensor), 0) = (indices.tensor(), indices.rank()) {
        let index = tensor.cast_to_scalar::<i64>().map_err(|e| site.build.invalid(e))?;
        let length = data.dims()[axis].clone();
        if index.unsigned_abs() > 1 << 30 {
            return Err(site.build.invalid(format_args!("index {index} of {length}")));
        }
        let start = if index < 0 { length + index } else { index.to_dim() };
        let part = site.build.part(&data, axis, start.clone(), start + 1)?;
        return Ok(tvec!(site.build.axis(AxisOp::Rm(axis), &part)?));
    }
    Ok(tvec!(site.build.wire(Checked::Gather(Gather::new(axis)), &[&data, &indices])?))
}

pub(crate) fn gather_elements(site: &mut Site) -> Outputs {
    let (data, indices) = (site.input(0)?, site.input(1)?);
    let axis = site.axis(site.node.int_or("axis", 0)?, data.rank())?;
    let (mut of_data, mut of_indices) = (data.dims(), indices.dims());
    if of_data.len() != of_indices.len() {
        return Err(site.build.invalid("its inputs differ in axes"));
    }
    of_data.remove(axis);
    of_indices.remove(axis);
    if of_data != of_indices {
        return Err(site.build.unsupported("its inputs differ in more than the axis"));
    }
    let indices = site.build.must_be_indices(&indices)?;
    Ok(tvec!(site.build.wire(Checked::Elements(GatherElements::new(axis)), &[&data, &indices])?))
}

pub(crate) fn gather_nd(site: &mut Site) -> Outputs {
    let (data, indices) = (site.input(0)?, site.input(1)?);
    if site.node.int_or("batch_dims", 0)? != 0 {
        return Err(site.build.unsupported("batch_dims is not 0"));
    }
    let columns = indices.dims().last().and_then(fixed).unwrap_or(0);
    if columns == 0 || columns > data.rank() {
        return Err(site.build.invalid(format_args!("{columns} indices into {} axes", data.rank())));
    }
    let indices = site.build.must_be_indices(&indices)?;
    Ok(tvec!(site.build.wire(Checked::Nd(GatherNd::new(0)), &[&data, &indices])?))
}
