//! Times the variants of the largest product of a model: for few rows and for many. All have passed their checks.
//!
//! Products of one number of rows are a race. Each variant runs in two submissions with so many products; then the slow
//! ones are left out, and the others run with four times the products, until that takes long enough to be compared.

use super::super::buffer::GpuBuffer;
use super::super::dispatch::GpuOp;
use super::super::failure::failed;
use super::super::inputs::BatchInputs;
use super::super::options::IntegerProducts;
use super::super::products::LinearPipelines;
use super::super::run::{GpuModel, params_buffer};
use super::super::run_buffers::RunBuffers;
use super::super::shaders::{FEW_ROWS, LinearVariant, TILE};
use super::super::submission::{Cut, Part, Readback, submit};
use super::super::variants::{BLOCKS, TIMED, Variants};
use super::super::weights::quads;
use super::samples::numbers;
use crate::error::Result;

/// The rows of a large product. A submission of one takes no slow device too long.
const MANY_ROWS: usize = 512;
/// The most products of a submission.
const MOST_REPEATS: usize = 64;
/// The time of a submission that can be compared. With four times the products it takes 20 ms at most.
const ENOUGH_MS: f64 = 4.0;
/// Each variant runs so often in a round. The shorter time counts: a page may look late.
const PASSES: usize = 2;
/// A variant that takes so many times the shortest time is left out, also if the times are mostly overhead.
const SLOW: f64 = 1.5;

/// Products of one number of rows.
struct Race {
    rows: usize,
    /// The numbers of the variants that are timed, see [`TIMED`], and the next one of them.
    left: Vec<usize>,
    next: usize,
    pass: usize,
    repeats: usize,
    is_over: bool,
    ms: [f64; TIMED],
    /// The times in parts of the shortest one, each of the last round that it was timed in.
    ratios: [f64; TIMED],
}

impl Race {
    fn new(rows: usize, left: Vec<usize>) -> Self {
        let is_over = left.len() < 2;
        let mut ratios = [f64::INFINITY; TIMED];
        left.iter().for_each(|of| ratios[*of] = 1.0);
        let ms = [f64::INFINITY; TIMED];
        Self { rows, left, next: 0, pass: 0, repeats: 1, is_over, ms, ratios }
    }

    /// Takes the time of the next variant.
    fn measured(&mut self, ms: f64) {
        let of = self.left[self.next];
        self.ms[of] = self.ms[of].min(ms);
        self.next += 1;
        if self.next < self.left.len() {
            return;
        }
        self.next = 0;
        self.pass = (self.pass + 1) % PASSES;
        if self.pass > 0 {
            return;
        }
        let best = self.left.iter().map(|of| self.ms[*of]).fold(f64::INFINITY, f64::min).max(1e-3);
        for of in &self.left {
            self.ratios[*of] = self.ms[*of] / best;
        }
        self.left.retain(|of| self.ratios[*of] <= SLOW);
        self.is_over = self.left.len() < 2 || best >= ENOUGH_MS || self.repeats == MOST_REPEATS;
        if !self.is_over {
            self.repeats *= 4;
            self.ms = [f64::INFINITY; TIMED];
        }
    }
}

/// Times the largest product of a model.
pub(in crate::encoder::gpu) struct VariantTimer {
    op: usize,
    x: GpuBuffer,
    out: GpuBuffer,
    scratch: GpuBuffer,
    params: GpuBuffer,
    no_batch: BatchInputs,
    has_blocks: bool,
    /// Few rows, and many.
    races: [Race; 2],
    running: Option<Readback>,
}

impl VariantTimer {
    /// Returns the timer of a model, or `None` if nothing is to be chosen.
    ///
    /// # Errors
    /// The errors of the uploads.
    pub(in crate::encoder::gpu) fn of_model(model: &GpuModel) -> Result<Option<Self>> {
        let floats = model.ops.iter().enumerate().filter_map(|(index, op)| match op {
            GpuOp::Linear { linear, pipelines: LinearPipelines::Float { floats, blocks }, .. } => {
                Some((index, op, linear, floats, blocks.is_some()))
            }
            _ => None,
        });
        let size = |inputs: usize, outputs: usize| inputs * outputs;
        let largest =
            floats.max_by_key(|(.., of, _, blocks)| (*blocks, size(of.spec.inputs, of.spec.outputs)));
        let (Some((index, op, linear, floats, has_blocks)), None) = (largest, model.variants.get()) else {
            return Ok(None);
        };
        let gpu = &model.gpu;
        let (inputs, outputs) = (linear.spec.inputs, linear.spec.outputs);
        let fitting = Cut::unmeasured(gpu).most_work / size(inputs, outputs).max(1) as u64;
        let many = MANY_ROWS.min(fitting as usize / TILE * TILE).max(TILE);
        let timed: Vec<usize> =
            (0..TIMED).filter(|of| if *of == BLOCKS { has_blocks } else { floats[*of].is_some() }).collect();
        let tiles = timed.iter().copied().filter(|of| *of != LinearVariant::FewRows as usize).collect();
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        Ok(Some(Self {
            op: index,
            x: gpu.filled("timed inputs", &numbers(many * quads(inputs) * 4, 0))?,
            out: gpu.buffer("timed results", (many * quads(outputs) * 16) as u64, usage)?,
            scratch: gpu.buffer("quantized rows", (many * op.scratch_bytes()) as u64, usage)?,
            params: params_buffer(gpu, 2 * MOST_REPEATS)?,
            no_batch: BatchInputs::default(),
            has_blocks,
            races: [Race::new(FEW_ROWS, timed), Race::new(many, tiles)],
            running: None,
        }))
    }

    /// Continues. Returns the variants, and `None` while the device is computing.
    ///
    /// # Errors
    /// `GPU_FAILED`.
    pub(in crate::encoder::gpu) fn poll(&mut self, model: &GpuModel) -> Result<Option<Variants>> {
        loop {
            let Some(at) = self.races.iter().position(|race| !race.is_over) else {
                let fastest = Variants::fastest(self.races.each_ref().map(|race| race.ratios));
                let is_asked_for = model.gpu.integer_products() == IntegerProducts::Always && self.has_blocks;
                return Ok(Some(if is_asked_for { fastest.with_blocks() } else { fastest }));
            };
            if let Some(mut running) = self.running.take() {
                if running.poll()?.is_none() {
                    self.running = Some(running);
                    return Ok(None);
                }
                self.races[at].measured(running.duration_ms(0.0));
            } else {
                self.running = Some(self.submit(model, &self.races[at])?);
            }
        }
    }

    /// Submits the products of the next variant. One row is read back.
    fn submit(&self, model: &GpuModel, race: &Race) -> Result<Readback> {
        let op = &model.ops[self.op];
        let GpuOp::Linear { linear, .. } = op else { return Err(failed("it has no product")) };
        let all = [LinearVariant::FewRows, LinearVariant::Tiled8, LinearVariant::Tiled4];
        let of = race.left[race.next];
        let values = [&self.x, &self.out];
        let run = RunBuffers {
            values: &values,
            scratch: &self.scratch,
            checked: None,
            inputs: &self.no_batch,
            variants: Variants::only(all[of % BLOCKS]),
            uses_blocks: of == BLOCKS,
            fault: 0,
        };
        let mut dispatches = Vec::new();
        for _ in 0..race.repeats {
            dispatches.extend(op.dispatches(&run, &[0], 1, race.rows)?);
        }
        let part = Part { buffer: &self.out, rows: 1, width: linear.spec.outputs };
        // It is timed, and grows until it takes a few ms.
        submit(&model.gpu, &self.params, &dispatches, &[part], Cut::into(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a race of variants whose products take these times, in submissions with an overhead. Returns the ratios, the
    /// number of submissions and the longest one.
    fn raced(ms: [f64; TIMED], overhead: f64, late: f64) -> ([f64; TIMED], usize, f64) {
        let mut race = Race::new(16, (0..TIMED).filter(|of| ms[*of].is_finite()).collect());
        let (mut count, mut longest) = (0, 0.0f64);
        while !race.is_over {
            // The first submission is seen late.
            let time = overhead
                + ms[race.left[race.next]] * race.repeats as f64
                + if count == 0 { late } else { 0.0 };
            (count, longest) = (count + 1, longest.max(time));
            race.measured(time);
        }
        (race.ratios, count, longest)
    }

    #[test]
    fn race_finds_the_fastest_in_submissions_of_bounded_time() {
        const NONE: f64 = f64::INFINITY;
        for overhead in [0.0, 2.0] {
            for scale in [1e-3, 0.02, 0.3, 3.0] {
                let (ratios, count, longest) = raced([1.0, 1.3, 5.0, 2.0].map(|x| x * scale), overhead, 0.0);
                let name = format!("{overhead} ms and {scale} ms: {ratios:?}");
                assert!(ratios[0] == 1.0 && ratios[1] > 1.005 && ratios[2] > ratios[1], "{name}");
                assert!(count <= 32 && longest <= 24.0f64.max(5.0 * scale + overhead), "{name}");
            }
        }
        let (ratios, count, _) = raced([NONE, 9.0, 1.0, NONE], 0.5, 0.0);
        assert!(count == 4 && ratios[2] == 1.0 && ratios[1] > 5.0 && ratios[0] == NONE, "{ratios:?}");
        // One alone needs no time.
        assert_eq!(raced([NONE, 1.0, NONE, NONE], 0.5, 0.0).1, 0);
        let (ratios, ..) = raced([0.1, 0.3, 0.35, NONE], 0.8, 10.0);
        assert!(ratios[0] == 1.0 && ratios[1] > 1.0, "{ratios:?}");
        // A clock that stands still.
        assert_eq!(raced([0.0; 4], 0.0, 0.0).0, [0.0; 4]);
    }
}
