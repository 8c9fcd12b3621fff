//! The ops of a plan with their packed weights, and how they run.
//!
//! Values are `f32`, `[tokens, width]` or `[texts, width]`, one row after the other.

use super::kernels::Scratch;
use super::kernels::add_norm::LayerNorm;
use super::kernels::attention::{Qkv, StridedRows, attention};
use super::kernels::clip::clip_rows;
use super::kernels::embed::Embed;
use super::kernels::linear::{Autotuner, Linear};
use super::kernels::mean_rows::mean_rows;
use super::kernels::select_rows::first_rows;
use crate::batch::Batch;
use crate::encoder::plan::{PlanOp, ValueId, packing_failed};
use crate::encoder::spec::{Activation, AttentionSpec};
use crate::error::{Result, fail};
use crate::l2::divide_by_l2_norm;

/// An op with its packed weights. The `reference` module defines what each computes.
#[derive(Debug)]
pub(super) enum PackedOp {
    /// `types_always_zero`: the graph ignores the token types and gives every token type 0.
    Embed {
        embed: Box<Embed>,
        types_always_zero: bool,
    },
    Linear(Box<Linear>),
    Attention(AttentionSpec),
    AddNorm(LayerNorm),
    /// `shift`: `[width]`, or empty.
    Clip {
        width: usize,
        range: [f32; 2],
        shift: Vec<f32>,
        activation: Activation,
    },
    SelectRows {
        width: usize,
    },
    MeanRows {
        width: usize,
    },
    Normalize {
        width: usize,
    },
}

impl PackedOp {
    /// Returns an op without weights, or `None` if the op has some.
    pub(super) fn without_weights(op: &PlanOp) -> Option<Self> {
        Some(match op {
            PlanOp::Attention { spec, .. } => Self::Attention(*spec),
            PlanOp::SelectRows { width, .. } => Self::SelectRows { width: *width },
            PlanOp::MeanRows { width, .. } => Self::MeanRows { width: *width },
            PlanOp::Normalize { width, .. } => Self::Normalize { width: *width },
            _ => return None,
        })
    }

    /// Returns the bytes of the weights.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Embed { embed, .. } => embed.bytes(),
            Self::Linear(linear) => linear.bytes(),
            Self::AddNorm(norm) => norm.bytes(),
            Self::Clip { shift, .. } => size_of_val(&shift[..]),
            _ => 0,
        }
    }

    /// Returns the number type of a product.
    pub(super) fn precision(&self) -> Option<&'static str> {
        let Self::Linear(linear) = self else { return None };
        Some(match &**linear {
            Linear::I8(_) | Linear::I8Relaxed(_) => "int8",
            Linear::I4(_) => "int4",
            Linear::F32(_) => "f32",
        })
    }
}

/// An op in its place in the plan.
#[derive(Debug)]
pub(super) struct Step {
    op: PackedOp,
    inputs: Vec<ValueId>,
    /// The inputs that no later step reads.
    last_read: Vec<ValueId>,
}

impl Step {
    /// Makes step `index` of a plan. `last_uses` has the lifetime of each value.
    pub(super) fn new(op: PackedOp, inputs: Vec<ValueId>, index: usize, last_uses: &[Option<usize>]) -> Self {
        let mut last_read = inputs.clone();
        last_read.retain(|input| last_uses[*input] == Some(index));
        Self { op, inputs, last_read }
    }
}

/// The state that the steps of a run share.
pub(super) struct Run<'a> {
    batch: &'a Batch,
    starts: Vec<usize>,
    /// The results of the steps so far. `None`: no later step reads it.
    values: Vec<Option<Vec<f32>>>,
    scratch: &'a mut Scratch,
    autotuner: &'a mut Autotuner,
}

impl<'a> Run<'a> {
    /// Starts a run over a batch.
    pub(super) fn new(batch: &'a Batch, scratch: &'a mut Scratch, autotuner: &'a mut Autotuner) -> Self {
        let starts = batch.cu_seqlens.iter().map(|start| *start as usize).collect();
        Self { batch, starts, values: Vec::new(), scratch, autotuner }
    }

    /// Computes the next step.
    ///
    /// # Errors
    /// `INTERNAL` if the values do not have the shapes that the step expects, and those of `Embed`.
    pub(super) fn step(&mut self, step: &Step) -> Result<()> {
        let result = self.compute(step)?;
        for input in &step.last_read {
            self.values[*input] = None;
        }
        self.values.push(Some(result));
        Ok(())
    }

    /// Returns a result. `is_last`: it is not requested again.
    ///
    /// # Errors
    /// `INTERNAL` if nothing computed it.
    pub(super) fn result(&mut self, id: ValueId, is_last: bool) -> Result<Vec<f32>> {
        match self.values[id].take() {
            Some(value) if is_last => Ok(value),
            Some(value) => {
                self.values[id] = Some(value.clone());
                Ok(value)
            }
            None => Err(packing_failed("an output was dropped")),
        }
    }

    /// Returns an input.
    fn value(&self, id: ValueId) -> Result<&[f32]> {
        value(&self.values, id)
    }

    /// Returns input `i` for a step that overwrites it: the value itself if no later step and no other input of
    /// this step reads it, otherwise a copy.
    fn owned(&mut self, step: &Step, i: usize) -> Result<Vec<f32>> {
        let id = step.inputs[i];
        let is_free =
            step.last_read.contains(&id) && step.inputs.iter().filter(|input| **input == id).count() == 1;
        if is_free && let Some(value) = self.values[id].take() {
            return Ok(value);
        }
        Ok(self.value(id)?.to_vec())
    }

    fn compute(&mut self, step: &Step) -> Result<Vec<f32>> {
        let tokens = self.batch.tokens();
        let texts = self.starts.len().saturating_sub(1);
        match (&step.op, &step.inputs[..]) {
            (PackedOp::Embed { embed, types_always_zero }, []) => {
                let zeros = if *types_always_zero { vec![0; tokens] } else { Vec::new() };
                let types = if *types_always_zero { &zeros } else { &self.batch.token_type_ids };
                let mut out = vec![0.0; tokens * embed.hidden()];
                embed.forward(&self.batch.input_ids, types, &self.starts, &mut out)?;
                Ok(out)
            }
            (PackedOp::Linear(linear), [x]) => {
                let spec = linear.spec();
                let x = value(&self.values, *x)?;
                let rows = x.len() / spec.inputs.max(1);
                let mut out = vec![0.0; rows * spec.outputs];
                check(x.len() == rows * spec.inputs)?;
                self.autotuner.forward(linear, x, rows, &mut out, self.scratch);
                Ok(out)
            }
            (PackedOp::Attention(spec), [q, k, v]) => {
                let width = spec.hidden();
                let [q, k, v] = [q, k, v].map(|id| value(&self.values, *id));
                let (q, k, v) = (q?, k?, v?);
                check(q.len().is_multiple_of(width) && k.len() == tokens * width && v.len() == k.len())?;
                let mut out = vec![0.0; q.len()];
                let [q, k, v] = [q, k, v].map(|values| StridedRows::new(values, width));
                let kernel = self.autotuner.kernel();
                attention(spec, Qkv { q, k, v }, &self.starts, kernel, &mut out, self.scratch);
                Ok(out)
            }
            (PackedOp::AddNorm(norm), [_, b]) => {
                let mut a = self.owned(step, 0)?;
                let b = self.value(*b)?;
                check(a.len() == b.len() && a.len().is_multiple_of(norm.hidden()))?;
                norm.add_norm(&mut a, b);
                Ok(a)
            }
            (PackedOp::Clip { width, range, shift, activation }, [_, plus @ ..]) => {
                let mut x = self.owned(step, 0)?;
                let plus = plus.first().map_or(Ok(&[][..]), |plus| self.value(*plus))?;
                check((plus.is_empty() || plus.len() == x.len()) && x.len().is_multiple_of((*width).max(1)))?;
                clip_rows(&mut x, plus, *range, shift, *activation);
                Ok(x)
            }
            (PackedOp::SelectRows { width }, [x]) => {
                let mut out = vec![0.0; texts * width];
                check(self.value(*x)?.len() == tokens * width)?;
                first_rows(self.value(*x)?, *width, &self.starts, &mut out);
                Ok(out)
            }
            (PackedOp::MeanRows { width }, [x]) => {
                let mut out = vec![0.0; texts * width];
                check(self.value(*x)?.len() == tokens * width)?;
                mean_rows(self.value(*x)?, *width, &self.starts, &mut out);
                Ok(out)
            }
            (PackedOp::Normalize { width }, [_]) => {
                let mut x = self.owned(step, 0)?;
                divide_by_l2_norm(&mut x, *width);
                Ok(x)
            }
            _ => fail!(Internal, "an op has the inputs of another op"),
        }
    }
}

fn value(values: &[Option<Vec<f32>>], id: ValueId) -> Result<&[f32]> {
    values[id].as_deref().ok_or_else(|| packing_failed("an op reads a value that was dropped"))
}

fn check(fits: bool) -> Result<()> {
    if !fits {
        fail!(Internal, "the rows of a value do not have the columns that an op expects");
    }
    Ok(())
}
