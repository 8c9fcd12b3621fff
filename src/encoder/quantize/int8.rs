//! int8 weights: one scale per row, symmetric around 0.
//!
//! For a row with the largest magnitude `m`:
//!
//! ```text
//! s = m / 127                            0 if that is not a normal f32
//! q = clamp(round(w / s), −127, 127)     round to nearest, ties to even; 0 if s is 0
//! w ≈ s · q
//! ```
//!
//! [`quantize_rows_i8`] divides, so that a table is quantized at load as `corom convert` stores it. The
//! packer of the int8 kernels multiplies by `1 / s`, which saves a division per weight and has bits that
//! golden files hold. Both round to the same integer unless `w / s` is within 2e-5 of a tie.

use crate::encoder::reserve;
use crate::encoder::spec::{LinearSpec, WeightOrder};
use crate::error::Result;

/// Returns the scale of weights whose largest magnitude is `max_abs`, or 0 where all of them count as 0.
fn scale_of(max_abs: f32) -> f32 {
    let scale = max_abs / 127.0;
    if scale >= f32::MIN_POSITIVE { scale } else { 0.0 }
}

/// Returns `1 / scale`, or 0 for a scale of 0: all weights become 0.
pub(crate) fn inverse_of(scale: f32) -> f32 {
    if scale > 0.0 { 1.0 / scale } else { 0.0 }
}

/// Returns the integer of one weight. `inverse_scale` is what [`inverse_of`] returns.
#[inline(always)]
pub(crate) fn quantize_i8(weight: f32, inverse_scale: f32) -> i8 {
    round_i8(weight * inverse_scale)
}

/// Rounds to the nearest integer in −127..=127, ties to even.
#[inline(always)]
fn round_i8(x: f32) -> i8 {
    x.round_ties_even().clamp(-127.0, 127.0) as i8
}

/// Quantizes each row of `values`, `[rows, width]`. Returns the integers, `[rows, width]`, and the scales,
/// `[rows]`.
///
/// ```
/// use corom::encoder::quantize::int8::quantize_rows_i8;
///
/// let (q, scales) = quantize_rows_i8(&[1.0, -0.5, 0.0, 0.0], 2)?;
/// assert_eq!(q, [127, -64, 0, 0]);
/// assert_eq!(scales, [1.0 / 127.0, 0.0]);
/// # Ok::<(), corom::error::Error>(())
/// ```
///
/// # Errors
/// `OUT_OF_MEMORY`.
pub fn quantize_rows_i8(values: &[f32], width: usize) -> Result<(Vec<i8>, Vec<f32>)> {
    let width = width.max(1);
    let rows = values.len() / width;
    let what = format_args!("a table of {rows} × {width} in int8");
    let mut q = reserve::try_with_capacity(rows * width, what)?;
    let mut scales = reserve::try_with_capacity(rows, what)?;
    for row in values.chunks_exact(width) {
        let scale = scale_of(row.iter().fold(0.0f32, |max, x| max.max(x.abs())));
        let divisor = if scale > 0.0 { scale } else { f32::INFINITY };
        q.extend(row.iter().map(|x| round_i8(x / divisor)));
        scales.push(scale);
    }
    Ok((q, scales))
}

/// The largest magnitude of each output's weights, collected chunk by chunk.
///
/// ```
/// use corom::encoder::quantize::int8::ColumnMax;
/// use corom::encoder::spec::{Activation, LinearSpec, WeightOrder};
///
/// let spec = LinearSpec { inputs: 2, outputs: 2, activation: Activation::None };
/// let mut max = ColumnMax::new(spec, WeightOrder::OutIn)?;
/// max.update(0, [1.0, -127.0, 2.0]);
/// max.update(3, [254.0]);
/// assert_eq!(max.into_scales(), [1.0, 2.0]);
/// # Ok::<(), corom::error::Error>(())
/// ```
#[derive(Debug)]
pub struct ColumnMax {
    spec: LinearSpec,
    order: WeightOrder,
    /// `[outputs]`.
    max_abs: Vec<f32>,
}

impl ColumnMax {
    /// Starts with no weights.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    pub fn new(spec: LinearSpec, order: WeightOrder) -> Result<Self> {
        let max_abs = reserve::try_filled(spec.outputs, 0.0, format_args!("{} scales", spec.outputs))?;
        Ok(Self { spec, order, max_abs })
    }

    /// Takes `values` into account, which start at value `first` of the whole weight.
    ///
    /// # Panics
    /// If they reach beyond the weight.
    pub fn update(&mut self, first: usize, values: impl IntoIterator<Item = f32>) {
        for (i, value) in (first..).zip(values) {
            let output = match self.order {
                WeightOrder::OutIn => i / self.spec.inputs,
                WeightOrder::InOut => i % self.spec.outputs,
            };
            let max_abs = &mut self.max_abs[output];
            *max_abs = max_abs.max(value.abs());
        }
    }

    /// Returns the scales, `[outputs]`.
    pub fn into_scales(mut self) -> Vec<f32> {
        self.max_abs.iter_mut().for_each(|max_abs| *max_abs = scale_of(*max_abs));
        self.max_abs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::testing::Random;
    use crate::encoder::spec::Activation;

    #[test]
    fn column_max_accepts_both_orders_and_chunks() {
        let spec = LinearSpec { inputs: 3, outputs: 2, activation: Activation::None };
        // Outputs: (1, -5, 2) and (-7, 0, 3).
        let cases = [
            (WeightOrder::OutIn, [1.0, -5.0, 2.0, -7.0, 0.0, 3.0]),
            (WeightOrder::InOut, [1.0, -7.0, -5.0, 0.0, 2.0, 3.0]),
        ];
        for (order, values) in cases {
            let mut max = ColumnMax::new(spec, order).unwrap();
            max.update(0, values[..4].iter().copied());
            max.update(4, values[4..].iter().copied());
            assert_eq!(max.into_scales(), [5.0 / 127.0, 7.0 / 127.0]);
        }
    }

    #[test]
    fn quantized_rows_are_within_half_a_step() {
        let values = Random(5).normals(4 * 33);
        let (q, scales) = quantize_rows_i8(&values, 33).unwrap();
        for (i, value) in values.iter().enumerate() {
            let scale = scales[i / 33];
            assert!((f32::from(q[i]) * scale - value).abs() <= 0.501 * scale);
        }
    }

    #[test]
    fn rows_of_zeros_and_denormals_have_scale_0() {
        for value in [0.0, -0.0, 1e-44, f32::MIN_POSITIVE] {
            assert_eq!(quantize_rows_i8(&[value; 4], 2).unwrap(), (vec![0; 4], vec![0.0; 2]), "{value}");
        }
    }
}
