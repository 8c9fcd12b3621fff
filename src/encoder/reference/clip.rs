//! `Clip`: `y = activation(min(max(x + plus, low + shift), high + shift))`, value by value.
//!
//! `x`, `plus` and `y` are `[tokens, width]`; `shift` is `[width]`. Static quantization clips activations to the
//! range of its integers. Where a bias is added to clipped values, the shift is the bias: `x` has it already.

use super::linear::reference_activation;
use crate::encoder::spec::Activation;

/// Returns clipped values. An empty `plus` or `shift` is 0.
///
/// ```
/// use corom::encoder::reference::clip::reference_clip;
/// use corom::encoder::spec::Activation;
///
/// let y = reference_clip(&[-2.0, 3.0], &[], [-1.0, 1.0], &[0.0, 0.5], Activation::None);
/// assert_eq!(y, [-1.0, 1.5]);
/// ```
pub fn reference_clip(
    x: &[f32],
    plus: &[f32],
    range: [f32; 2],
    shift: &[f32],
    activation: Activation,
) -> Vec<f32> {
    let value = |(i, x): (usize, &f32)| {
        let shift = if shift.is_empty() { 0.0 } else { shift[i % shift.len()] };
        let sum = x + plus.get(i).unwrap_or(&0.0);
        let clipped = sum.clamp(range[0] + shift, range[1] + shift);
        reference_activation(activation, f64::from(clipped)) as f32
    };
    x.iter().enumerate().map(value).collect()
}
