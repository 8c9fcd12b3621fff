//! Runs a model on a batch: records its dispatches in one compute pass, submits them, and reads the results back.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::buffer::GpuBuffer;
use super::device::{GpuDevice, PARAMS_BYTES};
use super::dispatch::GpuOp;
use super::failure::failed;
use super::inputs::{BatchInputs, TokenRows};
use super::run_buffers::{Dispatch, RunBuffers};
use super::slots::Slots;
use super::weights::quads;
use crate::batch::Batch;
use crate::encoder::plan::ValueId;
use crate::error::Result;

/// Bytes between the parameters of two dispatches: the alignment of a dynamic offset.
const PARAMS_STRIDE: u64 = 256;

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
    /// True if products that can be computed of quantized blocks are. Measured unless it is set.
    pub(super) integers: OnceLock<bool>,
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

    /// Returns true if products that can be computed of quantized blocks are.
    pub(super) fn uses_integers(&self) -> bool {
        self.integers.get().copied().unwrap_or(false)
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

    /// Submits a batch. `outputs` are the values to return. The device gets the work in so many `pieces`, so that it
    /// can draw between them.
    ///
    /// # Errors
    /// `GPU_FAILED` if the device has failed or has too little memory.
    pub(super) fn submit(
        &mut self,
        model: &GpuModel,
        batch: &Batch,
        outputs: &[ValueId],
        pieces: usize,
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
            integers: model.uses_integers(),
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
            return submit(gpu, params, &dispatches, &parts, pieces);
        };
        gpu.wgpu().1.write_buffer(errors, 0, &vec![0; batch.tokens() * 4]);
        parts.push(Part { buffer: errors, rows: 1, width: batch.tokens() });
        let readback = submit(gpu, params, &dispatches, &parts, pieces)?;
        Ok(Readback { has_errors: true, ..readback })
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

/// Rows to read back.
pub(super) struct Part<'a> {
    pub(super) buffer: &'a GpuBuffer,
    pub(super) rows: usize,
    pub(super) width: usize,
}

/// Sets buffers to zeros, so that the results of an earlier run cannot pass for those of the next one.
pub(super) fn clear<'a>(gpu: &GpuDevice, buffers: impl Iterator<Item = &'a GpuBuffer>) {
    let (device, queue) = gpu.wgpu();
    let descriptor = wgpu::CommandEncoderDescriptor { label: Some("corom clear") };
    let mut encoder = device.create_command_encoder(&descriptor);
    buffers.for_each(|buffer| encoder.clear_buffer(buffer, 0, None));
    queue.submit([encoder.finish()]);
}

/// Submits dispatches in `pieces` of one compute pass each, and copies of the parts.
pub(super) fn submit(
    gpu: &GpuDevice,
    params: &GpuBuffer,
    dispatches: &[Dispatch<'_>],
    parts: &[Part<'_>],
    pieces: usize,
) -> Result<Readback> {
    let (device, queue) = gpu.wgpu();
    let mut bytes = vec![0u8; dispatches.len() * PARAMS_STRIDE as usize];
    for (slot, dispatch) in bytes.chunks_exact_mut(PARAMS_STRIDE as usize).zip(dispatches) {
        slot[..PARAMS_BYTES as usize].copy_from_slice(bytemuck::cast_slice(&dispatch.params));
    }
    queue.write_buffer(params, 0, &bytes);
    let descriptor = wgpu::CommandEncoderDescriptor { label: Some("corom") };
    let mut encoder = device.create_command_encoder(&descriptor);
    let per_piece = dispatches.len().div_ceil(pieces.max(1)).max(1);
    for (piece, some) in dispatches.chunks(per_piece).enumerate() {
        if piece > 0 {
            let before = std::mem::replace(&mut encoder, device.create_command_encoder(&descriptor));
            queue.submit([before.finish()]);
        }
        record(gpu, &mut encoder, params, (piece * per_piece) as u64, some);
    }
    let size = |part: &Part<'_>| (part.rows * quads(part.width) * 16) as u64;
    let total: u64 = parts.iter().map(size).sum();
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = gpu.buffer("results", total, usage)?;
    let mut offset = 0;
    for part in parts {
        if size(part) > 0 {
            encoder.copy_buffer_to_buffer(part.buffer, 0, &staging, offset, size(part));
        }
        offset += size(part);
    }
    if gpu.faults().destroys_before_submission() {
        gpu.wgpu().0.destroy();
    }
    queue.submit([encoder.finish()]);
    gpu.failures().check()?;
    let arrival = Arc::new(Arrival::default());
    if !gpu.faults().withholds_results() {
        let (arrived, now) = (Arc::clone(&arrival), gpu.clock());
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            arrived.time_ms.store(now().to_bits(), Ordering::Relaxed);
            arrived.state.store(if result.is_ok() { MAPPED } else { LOST }, Ordering::Release);
        });
    }
    let shapes = parts.iter().map(|part| (part.rows, part.width)).collect();
    let submitted_ms = gpu.clock()();
    let started_ms = submitted_ms;
    Ok(Readback { gpu: gpu.clone(), staging, shapes, arrival, submitted_ms, started_ms, has_errors: false })
}

/// Records dispatches in one compute pass. `first` is the number of the first one in the buffer of parameters.
fn record(
    gpu: &GpuDevice,
    encoder: &mut wgpu::CommandEncoder,
    params: &GpuBuffer,
    first: u64,
    dispatches: &[Dispatch<'_>],
) {
    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
    for (index, dispatch) in (first..).zip(dispatches) {
        // Bind groups are made anew for each submission: some Adreno drivers compute wrong results with old ones
        // (google-ai-edge/LiteRT#8065).
        let binding =
            wgpu::BufferBinding { buffer: params, offset: 0, size: wgpu::BufferSize::new(PARAMS_BYTES) };
        let mut entries =
            vec![wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(binding) }];
        entries.extend(
            (1..).zip(&dispatch.buffers).map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            }),
        );
        let group = gpu.wgpu().0.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &dispatch.pipeline.layout,
            entries: &entries,
        });
        pass.set_pipeline(&dispatch.pipeline.pipeline);
        pass.set_bind_group(0, &group, &[(index * PARAMS_STRIDE) as u32]);
        let [x, y] = dispatch.groups;
        pass.dispatch_workgroups(x, y, 1);
    }
}

const WAITING: u8 = 0;
const MAPPED: u8 = 1;
const LOST: u8 = 2;

/// The answer of the device to a readback.
#[derive(Default)]
struct Arrival {
    /// `WAITING`, `MAPPED` or `LOST`.
    state: AtomicU8,
    /// The bits of the time at which the results arrived.
    time_ms: AtomicU64,
}

/// Results on their way back.
pub(super) struct Readback {
    gpu: GpuDevice,
    staging: GpuBuffer,
    /// Rows and width of each part.
    shapes: Vec<(usize, usize)>,
    arrival: Arc<Arrival>,
    submitted_ms: f64,
    /// The time at which the deadline began.
    started_ms: f64,
    /// True if the last part has the errors of checked products.
    has_errors: bool,
}

impl Readback {
    /// Starts the deadline again: an earlier submission has ended, and this one begins.
    pub(super) fn restart_clock(&mut self) {
        self.started_ms = self.gpu.clock()();
    }

    /// Returns the time at which the results arrived, if they have.
    pub(super) fn arrived_ms(&self) -> f64 {
        f64::from_bits(self.arrival.time_ms.load(Ordering::Relaxed))
    }

    /// Returns the time that the submission took, given that the one before it arrived at `earlier_ms`.
    pub(super) fn duration_ms(&self, earlier_ms: f64) -> f64 {
        self.arrived_ms() - self.submitted_ms.max(earlier_ms)
    }

    /// Returns the parts once they have arrived: one row-major matrix each, without padding.
    ///
    /// # Errors
    /// `GPU_FAILED` if the device has failed, or has not answered within the deadline.
    pub(super) fn poll(&self) -> Result<Option<Vec<Vec<f32>>>> {
        // In a browser this does nothing: the event loop calls back.
        let polled = self.gpu.wgpu().0.poll(wgpu::PollType::Poll);
        self.gpu.failures().check()?;
        polled.map_err(|error| failed(&error.to_string()))?;
        match self.arrival.state.load(Ordering::Acquire) {
            MAPPED => {}
            WAITING => {
                let deadline = self.gpu.deadline();
                if self.gpu.clock()() - self.started_ms > deadline.as_secs_f64() * 1e3 {
                    return Err(failed(&format!("it has not answered for {deadline:?}")));
                }
                return Ok(None);
            }
            _ => return Err(failed("its results cannot be read")),
        }
        let view = self.staging.get_mapped_range(..).map_err(|error| failed(&error.to_string()))?;
        let mut parts = Vec::with_capacity(self.shapes.len());
        let mut rest = &view[..];
        for &(rows, width) in &self.shapes {
            let row_bytes = quads(width) * 16;
            let (part, after) = rest.split_at(rows * row_bytes);
            let mut values = Vec::with_capacity(rows * width);
            for row in part.chunks_exact(row_bytes.max(1)) {
                let numbers = row.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
                values.extend(numbers.take(width));
            }
            parts.push(values);
            rest = after;
        }
        drop(view);
        let errors = if self.has_errors { parts.pop() } else { None };
        // A NaN is no number up to 1.
        if !errors.iter().flatten().all(|error| *error <= 1.0) {
            self.gpu.failures().record("the sum of a product is wrong");
            self.gpu.failures().check()?;
        }
        Ok(Some(parts))
    }
}
