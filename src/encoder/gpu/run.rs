//! Runs a model on a batch.

use std::sync::OnceLock;

use super::buffer::GpuBuffer;
use super::device::GpuDevice;
use super::dispatch::GpuOp;
use super::failure::failed;
use super::inputs::{BatchInputs, TokenRows};
use super::run_buffers::RunBuffers;
use super::slots::Slots;
use super::submission::{Cut, PARAMS_STRIDE, Part, Readback, submit};
use super::variants::Variants;
use crate::batch::Batch;
use crate::encoder::plan::ValueId;
use crate::error::Result;

/// The ops of a plan on the GPU, which all runs share.
pub(super) struct GpuModel {
    pub(super) gpu: GpuDevice,
    pub(super) ops: Vec<GpuOp>,
    /// Per op, the values that it reads.
    pub(super) inputs: Vec<Vec<ValueId>>,
    /// Per value, its width.
    pub(super) widths: Vec<usize>,
    /// Per value, true if it has one row per text.
    pub(super) per_text: Vec<bool>,
    pub(super) token_rows: TokenRows,
    /// The variants of products. Measured unless they are set.
    pub(super) variants: OnceLock<Variants>,
}

impl GpuModel {
    /// Returns the rows of a value, given those of all, without what is joined with it. The name of a value that is
    /// computed with another one is "joined".
    #[cfg(test)]
    pub(super) fn own_columns(&self, value: ValueId, all: &[Vec<f32>]) -> (&'static str, Vec<f32>) {
        let (name, leader, place) = match self.ops[value] {
            GpuOp::Joined { leader, place } => ("joined", leader, place),
            _ => ("", value, 0),
        };
        let is_member = |op: &&GpuOp| matches!(op, GpuOp::Joined { leader: of, .. } if *of == leader);
        let row = self.widths[leader];
        let width = row / (1 + self.ops.iter().filter(is_member).count());
        let own = all[leader].chunks(row.max(1)).flat_map(|row| &row[place * width..][..width]);
        (name, own.copied().collect())
    }

    /// Returns the variants of products.
    pub(super) fn variants(&self) -> Variants {
        *self.variants.get_or_init(|| self.gpu.fixed_variants())
    }

    /// Returns the kinds of blocks of queries that the ops read.
    pub(super) fn attention_blocks(&self) -> Vec<(usize, bool)> {
        let mut all: Vec<(usize, bool)> = self.ops.iter().filter_map(GpuOp::attention_blocks).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The buffers of one run at a time.
pub(super) struct Runner {
    slots: Slots,
    buffers: Vec<GpuBuffer>,
    /// Rows that the buffers have room for.
    capacity: usize,
    scratch: Option<GpuBuffer>,
    /// See [`RunBuffers::checked`].
    checked: Option<[GpuBuffer; 2]>,
    params: Option<GpuBuffer>,
    inputs: BatchInputs,
}

impl Runner {
    pub(super) fn new(slots: Slots) -> Self {
        Self {
            slots,
            buffers: Vec::new(),
            capacity: 0,
            scratch: None,
            checked: None,
            params: None,
            inputs: BatchInputs::default(),
        }
    }

    /// Returns a runner of the same model without buffers.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn fork(&self) -> Self {
        Self::new(self.slots.clone())
    }

    /// Submits a batch. `outputs` are the values to return. Products that can be are computed of quantized blocks if
    /// `uses_blocks` is set. All work that was submitted before must be sent.
    ///
    /// # Errors
    /// `GPU_FAILED` if the device has failed or has too little memory.
    pub(super) fn submit(
        &mut self,
        model: &GpuModel,
        batch: &Batch,
        outputs: &[ValueId],
        uses_blocks: bool,
        cut: Cut,
    ) -> Result<Readback> {
        let gpu = &model.gpu;
        gpu.failures().check()?;
        self.reserve(model, batch.tokens())?;
        self.inputs.upload(gpu, batch, model.token_rows, &model.attention_blocks())?;
        let values: Vec<&GpuBuffer> = self.slots.of_value.iter().map(|slot| &self.buffers[*slot]).collect();
        let rows = |value: ValueId| if model.per_text[value] { batch.texts() } else { batch.tokens() };
        let (Some(scratch), Some(params)) = (&self.scratch, &self.params) else {
            return Err(failed("its buffers are missing"));
        };
        let run = RunBuffers {
            values: &values,
            scratch,
            checked: self.checked.as_ref().map(|[products, errors]| (products, errors)),
            inputs: &self.inputs,
            variants: model.variants(),
            uses_blocks,
            fault: u32::from(gpu.faults().has_wrong_products()),
        };
        let mut dispatches = Vec::new();
        for (index, (op, inputs)) in model.ops.iter().zip(&model.inputs).enumerate() {
            let input_rows = inputs.first().map_or(batch.tokens(), |input| rows(*input));
            dispatches.extend(op.dispatches(&run, inputs, index, input_rows)?);
        }
        let parts = outputs.iter().map(|value| Part {
            buffer: values[*value],
            rows: rows(*value),
            width: model.widths[*value],
        });
        let mut parts: Vec<Part<'_>> = parts.collect();
        let Some([_, errors]) = &self.checked else {
            return submit(gpu, params, &dispatches, &parts, cut);
        };
        gpu.wgpu().1.write_buffer(errors, 0, &vec![0; batch.tokens() * 4]);
        parts.push(Part { buffer: errors, rows: 1, width: batch.tokens() });
        Ok(submit(gpu, params, &dispatches, &parts, cut)?.with_errors())
    }

    /// Grows the buffers for a batch.
    fn reserve(&mut self, model: &GpuModel, tokens: usize) -> Result<()> {
        if tokens > self.capacity {
            let rows = tokens.next_multiple_of(64);
            self.capacity = 0;
            self.buffers.clear();
            self.scratch = None;
            self.checked = None;
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
            for quads in &self.slots.row_quads {
                self.buffers.push(model.gpu.buffer("activations", (rows * quads * 16) as u64, usage)?);
            }
            let scratch = model.ops.iter().map(GpuOp::scratch_bytes).max().unwrap_or(0);
            self.scratch = Some(model.gpu.buffer("quantized rows", (rows * scratch) as u64, usage)?);
            if model.gpu.checks_products() {
                let bytes = model.ops.iter().map(GpuOp::checked_bytes).max().unwrap_or(0);
                let products = model.gpu.buffer("products", (rows * bytes) as u64, usage)?;
                let usage = usage | wgpu::BufferUsages::COPY_DST;
                self.checked = Some([products, model.gpu.buffer("errors", (rows * 4) as u64, usage)?]);
            }
            self.capacity = rows;
        }
        if self.params.is_none() {
            // A product in integers has two dispatches, its check two more.
            self.params = Some(params_buffer(&model.gpu, 4 * model.ops.len())?);
        }
        Ok(())
    }
}

/// Creates the buffer of the parameters of up to `count` dispatches.
pub(super) fn params_buffer(gpu: &GpuDevice, count: usize) -> Result<GpuBuffer> {
    let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
    gpu.buffer("parameters", (count.max(1) as u64) * PARAMS_STRIDE, usage)
}
