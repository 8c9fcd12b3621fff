//! Work that is sent to the device in pieces of bounded time, and its results on their way back.
//!
//! Few pieces are under way at a time, so that a page can draw between them and work that is dropped stops soon. The next
//! piece is sent when an earlier one has ended, in [`Readback::poll`].

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::buffer::GpuBuffer;
use super::device::{GpuDevice, PARAMS_BYTES};
use super::failure::failed;
use super::run_buffers::Dispatch;
use super::weights::quads;
use crate::error::Result;

/// Bytes between the parameters of two dispatches: the alignment of a dynamic offset.
pub(super) const PARAMS_STRIDE: u64 = 256;

/// The most pieces that are under way: one computes, and one waits for it.
const MAX_PIECES: u32 = 2;

/// Multiplications per ms that any GPU does: 32 GFLOP/s, less than phones have.
const MIN_WORK_PER_MS: f64 = 16e6;

/// How dispatches are cut into pieces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// Pieces of equally many dispatches.
    pub(super) pieces: usize,
    /// The most work of a piece that has several dispatches, in multiplications.
    pub(super) most_work: u64,
}

impl Cut {
    /// Cuts into so many pieces.
    pub(super) fn into(pieces: usize) -> Self {
        Self { pieces, most_work: u64::MAX }
    }

    /// Cuts the work of a device whose speed is not known, so that a piece takes no slow one longer than a submission
    /// should take.
    pub(super) fn unmeasured(gpu: &GpuDevice) -> Self {
        Self { pieces: 1, most_work: (gpu.submission_ms() * MIN_WORK_PER_MS) as u64 }
    }

    fn ranges(self, dispatches: &[Dispatch<'_>]) -> Vec<Range<usize>> {
        let works: Vec<u64> = dispatches.iter().map(|dispatch| dispatch.work).collect();
        self.ranges_of(&works)
    }

    fn ranges_of(self, works: &[u64]) -> Vec<Range<usize>> {
        let most = works.len().div_ceil(self.pieces.max(1)).max(1);
        let (mut ranges, mut first, mut sum) = (Vec::new(), 0, 0u64);
        for (at, work) in works.iter().enumerate() {
            if at > first && (at - first == most || sum.saturating_add(*work) > self.most_work) {
                ranges.push(first..at);
                (first, sum) = (at, 0);
            }
            sum = sum.saturating_add(*work);
        }
        ranges.push(first..works.len());
        ranges
    }
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

/// Submits dispatches in pieces of one compute pass each, and copies of the parts.
///
/// # Errors
/// `GPU_FAILED` if the device has failed or has too little memory.
pub(super) fn submit(
    gpu: &GpuDevice,
    params: &GpuBuffer,
    dispatches: &[Dispatch<'_>],
    parts: &[Part<'_>],
    cut: Cut,
) -> Result<Readback> {
    let (device, queue) = gpu.wgpu();
    let mut bytes = vec![0u8; dispatches.len() * PARAMS_STRIDE as usize];
    for (slot, dispatch) in bytes.chunks_exact_mut(PARAMS_STRIDE as usize).zip(dispatches) {
        slot[..PARAMS_BYTES as usize].copy_from_slice(bytemuck::cast_slice(&dispatch.params));
    }
    queue.write_buffer(params, 0, &bytes);
    let size = |part: &Part<'_>| (part.rows * quads(part.width) * 16) as u64;
    let total: u64 = parts.iter().map(size).sum();
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = gpu.buffer("results", total, usage)?;
    let descriptor = wgpu::CommandEncoderDescriptor { label: Some("corom") };
    let ranges = cut.ranges(dispatches);
    let mut pieces = VecDeque::with_capacity(ranges.len());
    for range in ranges {
        let mut encoder = device.create_command_encoder(&descriptor);
        record(gpu, &mut encoder, params, range.start as u64, &dispatches[range.clone()]);
        if range.end == dispatches.len() {
            let mut offset = 0;
            for part in parts {
                if size(part) > 0 {
                    encoder.copy_buffer_to_buffer(part.buffer, 0, &staging, offset, size(part));
                }
                offset += size(part);
            }
        }
        let work = dispatches[range].iter().map(|dispatch| dispatch.work).sum();
        pieces.push_back((encoder.finish(), work));
    }
    if gpu.faults().destroys_before_submission() {
        device.destroy();
    }
    let now = gpu.clock()();
    let mut readback = Readback {
        gpu: gpu.clone(),
        pieces,
        sent: 0,
        done: Arc::default(),
        staging,
        shapes: parts.iter().map(|part| (part.rows, part.width)).collect(),
        arrival: Arc::default(),
        is_withheld: gpu.faults().withholds_results(),
        submitted_ms: now,
        started_ms: now,
        has_errors: false,
    };
    readback.send();
    gpu.failures().check()?;
    Ok(readback)
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
    /// The pieces that wait to be sent, with their work.
    pieces: VecDeque<(wgpu::CommandBuffer, u64)>,
    sent: u32,
    /// The pieces that the device has ended.
    done: Arc<AtomicU32>,
    staging: GpuBuffer,
    /// Rows and width of each part.
    shapes: Vec<(usize, usize)>,
    arrival: Arc<Arrival>,
    /// True if a test withholds the results.
    is_withheld: bool,
    submitted_ms: f64,
    /// The time at which the deadline began.
    started_ms: f64,
    /// True if the last part has the errors of checked products.
    has_errors: bool,
}

impl Readback {
    /// Returns the same results, whose last part has the errors of checked products.
    #[must_use]
    pub(super) fn with_errors(self) -> Self {
        Self { has_errors: true, ..self }
    }

    /// Starts the deadline again: an earlier submission has ended, and this one begins.
    pub(super) fn restart_clock(&mut self) {
        self.started_ms = self.gpu.clock()();
    }

    /// Returns true if nothing of the work waits to be sent to the device. Only then may other work of the same buffers
    /// follow.
    pub(super) fn is_sent(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Sends pieces until enough are under way, and after the last one asks for the results.
    fn send(&mut self) {
        let queue = self.gpu.wgpu().1;
        while self.sent - self.done.load(Ordering::Acquire) < MAX_PIECES
            && let Some((piece, work)) = self.pieces.pop_front()
        {
            self.gpu.faults().note_piece(work);
            queue.submit([piece]);
            self.sent += 1;
            self.started_ms = self.gpu.clock()();
            if self.pieces.is_empty() {
                return self.read();
            }
            let done = Arc::clone(&self.done);
            queue.on_submitted_work_done(move || {
                done.fetch_add(1, Ordering::Release);
            });
        }
    }

    fn read(&self) {
        if self.is_withheld {
            return;
        }
        let (arrived, now) = (Arc::clone(&self.arrival), self.gpu.clock());
        self.staging.map_async(wgpu::MapMode::Read, .., move |result| {
            arrived.time_ms.store(now().to_bits(), Ordering::Relaxed);
            arrived.state.store(if result.is_ok() { MAPPED } else { LOST }, Ordering::Release);
        });
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
    pub(super) fn poll(&mut self) -> Result<Option<Vec<Vec<f32>>>> {
        // In a browser this does nothing: the event loop calls back.
        let polled = self.gpu.wgpu().0.poll(wgpu::PollType::Poll);
        self.gpu.failures().check()?;
        polled.map_err(|error| failed(&error.to_string()))?;
        self.send();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_bounded_work_or_one_dispatch() {
        let cut = |pieces, most_work, works: &[u64]| Cut { pieces, most_work }.ranges_of(works);
        assert_eq!(cut(1, 10, &[4, 4, 4, 30, 1, 9]), [0..2, 2..3, 3..4, 4..6]);
        assert_eq!(cut(3, u64::MAX, &[1, 1, 1, 1, 1]), [0..2, 2..4, 4..5]);
        assert_eq!(cut(2, 3, &[1, 1, 1, 1, 2]), [0..3, 3..5]);
        assert_eq!(cut(0, 0, &[u64::MAX, u64::MAX]), [0..1, 1..2]);
        assert_eq!(cut(5, 1, &[]).len(), 1);
    }
}
