//! Chooses between products in floats and in integers by their times. Both have passed their checks.

use super::super::device::GpuDevice;
use super::super::dispatch::GpuOp;
use super::super::run::GpuModel;
use super::super::submission::Readback;
use super::products::{KnownProducts, MOST_REPEATS};
use crate::error::Result;

/// Submissions per variant. The shortest counts.
const ROUNDS: usize = 3;
/// A submission is repeated with four times the products until it takes so long. It then takes 20 ms at most.
const ENOUGH_MS: f64 = 5.0;
/// The part of the time of products in floats that those in integers may take. They round.
const MIN_GAIN: f64 = 0.9;

/// Times the largest product of a model in both variants.
pub(in crate::encoder::gpu) struct VariantTimer {
    /// In floats, and in integers.
    variants: [KnownProducts; 2],
    repeats: usize,
    runs: usize,
    best_ms: [f64; 2],
    running: Option<Readback>,
}

impl VariantTimer {
    /// Returns the timer of a model, or `None` if nothing is to be chosen.
    ///
    /// # Errors
    /// The errors of the uploads.
    pub(in crate::encoder::gpu) fn of_model(model: &GpuModel) -> Result<Option<Self>> {
        let linears = model.ops.iter().filter_map(|op| match op {
            GpuOp::Linear { linear, .. } if linear.has_blocks => Some(linear),
            _ => None,
        });
        let largest = linears.max_by_key(|linear| linear.spec.inputs * linear.spec.outputs);
        let (Some(largest), None) = (largest, model.integers.get()) else { return Ok(None) };
        let variant =
            |integers| KnownProducts::of_linear(&model.gpu, largest, largest.spec.activation, integers);
        let variants = [variant(false)?, variant(true)?];
        Ok(Some(Self { variants, repeats: 1, runs: 0, best_ms: [f64::INFINITY; 2], running: None }))
    }

    /// Continues. Returns true if products in integers are faster, and `None` while the device is computing.
    ///
    /// # Errors
    /// `GPU_FAILED`.
    pub(in crate::encoder::gpu) fn poll(&mut self, gpu: &GpuDevice) -> Result<Option<bool>> {
        loop {
            if let Some(running) = &mut self.running {
                if running.poll()?.is_none() {
                    return Ok(None);
                }
                let best = &mut self.best_ms[self.runs % 2];
                *best = best.min(running.duration_ms(0.0));
                self.runs += 1;
                self.running = None;
            }
            if self.runs == 2 * ROUNDS {
                let [floats, integers] = self.best_ms;
                if floats >= ENOUGH_MS || self.repeats == MOST_REPEATS {
                    return Ok(Some(integers <= MIN_GAIN * floats));
                }
                (self.repeats, self.runs, self.best_ms) = (4 * self.repeats, 0, [f64::INFINITY; 2]);
            }
            self.running = Some(self.variants[self.runs % 2].submit_repeated(gpu, self.repeats)?);
        }
    }
}
