//! AdamW (Loshchilov and Hutter, 2017), as PyTorch computes it, with linear warm-up and linear decay.
//!
//! ```text
//! p ← p · (1 - rate · decay)
//! m ← β₁ · m + (1 - β₁) · g        v ← β₂ · v + (1 - β₂) · g²
//! p ← p - rate / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε)
//! ```
//!
//! The optimizer is written here because its state has to be saved: candle-nn's keeps its moments private.

use std::collections::BTreeMap;

use candle_core::Result;

use super::gradients::Gradients;
use super::parameters::Parameters;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// The moments of each parameter, by name.
#[derive(Debug, Default)]
pub(super) struct AdamW {
    pub(super) moments: BTreeMap<String, Moments>,
    /// The number of updates.
    pub(super) updates: u64,
}

/// The first and the second moment of a parameter's gradient.
#[derive(Debug, Default)]
pub(super) struct Moments {
    pub(super) first: Vec<f32>,
    pub(super) second: Vec<f32>,
}

impl AdamW {
    /// Changes the parameters by their gradients. A parameter without a gradient is left as it is.
    pub(super) fn update(
        &mut self,
        parameters: &Parameters,
        gradients: &Gradients,
        rate: f64,
        decay: f64,
    ) -> Result<()> {
        self.updates += 1;
        let power = self.updates as f64;
        let step = (rate / (1.0 - BETA_1.powf(power))) as f32;
        let root = ((1.0 - BETA_2.powf(power)).sqrt()) as f32;
        let keep = (1.0 - rate * decay) as f32;
        let (b1, b2, epsilon) = (BETA_1 as f32, BETA_2 as f32, EPSILON as f32);
        let (c1, c2) = ((1.0 - BETA_1) as f32, (1.0 - BETA_2) as f32);
        for (name, var) in parameters.iter() {
            let Some(gradient) = gradients.get(name) else { continue };
            let moments = self.moments.entry(name.to_owned()).or_default();
            moments.first.resize(gradient.len(), 0.0);
            moments.second.resize(gradient.len(), 0.0);
            let mut numbers = Parameters::numbers(var)?;
            let state = moments.first.iter_mut().zip(&mut moments.second);
            for ((p, g), (m, v)) in numbers.iter_mut().zip(gradient).zip(state) {
                *m = b1 * *m + c1 * g;
                *v = b2 * *v + c2 * g * g;
                *p = *p * keep - step * *m / (v.sqrt() / root + epsilon);
            }
            Parameters::set(var, numbers)?;
        }
        Ok(())
    }
}

/// Returns the factor of the learning rate at a step, which counts from 0: it rises to 1 during the first `warm_up` of
/// `steps` and falls to 0 at their end.
pub(super) fn schedule(step: u64, steps: u64, warm_up: f64) -> f64 {
    let warm = (steps as f64 * warm_up).ceil();
    let (step, steps) = (step as f64, steps as f64);
    if step < warm { (step + 1.0) / warm } else { (steps - step) / (steps - warm).max(1.0) }
}
