//! Equalization of a weight's input channels before the weight is quantized to int8.
//!
//! # Notation
//!
//! | symbol | meaning |
//! |---|---|
//! | `w[n, k]`, `x[k]` | weight of output `n` and input `k`; activation of input `k` |
//! | `m[k]` | the largest magnitude of column `k`: the weights of one input |
//! | `a[k]` | the typical magnitude of input `k`, 1 where it is not known |
//! | `t[k]`, `f[k]` | the factor of column `k`, and of input `k`: `f = 1 / t` |
//!
//! # Method
//!
//! ```text
//! y[n] = Σₖ w[n, k] · x[k] = Σₖ (w[n, k] · t[k]) · (x[k] · f[k])
//! t[k] = a[k]^β / m[k]^α, times a power of two that makes the middle of all t about 1
//! ```
//!
//! A row of weights has one scale, `max |w[n, k] · t[k]| / 127`. A column with large weights makes the scale
//! of many rows large, and all other weights of these rows become coarse. With `α > 0` such a column becomes
//! smaller. The error of its own weights grows with `f[k]`, so `α = 1` is too much. A large input has the same
//! effect on the scale of quantized activations; `β > 0` makes it smaller.
//!
//! Before, all-MiniLM-L6-v2 had a cosine of 0.9955 to its float vectors for short texts of punctuation, whose
//! hidden states have a few large inputs. `docs/background/performance.md` has the figures.
//!
//! The exponents are multiples of a quarter, because the square root gives the same bits on every machine
//! and `powf` does not.

use crate::encoder::reserve;
use crate::encoder::spec::{LinearSpec, WeightOrder};
use crate::error::Result;

/// The exponents `(α, β)` that are tried where the magnitudes of the inputs are known, in quarters. The first
/// ones that gain are taken: real inputs are larger than their LayerNorm says, so more is gained than the
/// estimate says.
const WITH_MAGNITUDES: [(u32, u32); 2] = [(2, 2), (1, 1)];
/// The exponents that are tried where they are not. `α = 1/2` did not help: with it, m3e-small is less
/// accurate than before.
const WITHOUT_MAGNITUDES: [(u32, u32); 1] = [(1, 0)];

/// The part of the error that must remain at most. Factors that gain less are not worth their time.
const MAX_REMAINING: f64 = 0.99;
/// Magnitudes below this part of the largest one count as this part.
const MIN_MAGNITUDE: f32 = 1e-4;
/// The inputs that share a scale in the relaxed kernels.
const BLOCK: usize = 64;
/// The range of quantized activations, in typical magnitudes. Most ranges are twice as large, but the exact
/// kernel has no such error.
const RANGE: f64 = 2.0;

/// Returns the typical magnitude of each output of a LayerNorm: `√(γ² + β²)`, because a normalized value has
/// the mean 0 and the deviation 1.
///
/// ```
/// use corom::encoder::quantize::equalize::norm_magnitudes;
///
/// assert_eq!(norm_magnitudes(&[3.0, 1.0], &[-4.0, 0.0])?, [5.0, 1.0]);
/// # Ok::<(), corom::error::Error>(())
/// ```
///
/// # Errors
/// `OUT_OF_MEMORY`.
pub fn norm_magnitudes(gamma: &[f32], beta: &[f32]) -> Result<Vec<f32>> {
    let mut magnitudes = reserve::try_with_capacity(gamma.len(), "the magnitudes of a LayerNorm")?;
    magnitudes.extend(gamma.iter().zip(beta).map(|(g, b)| (g * g + b * b).sqrt()));
    Ok(magnitudes)
}

/// Returns the factors `f` of the inputs with which less error remains, `[inputs]`, or nothing if no factors
/// gain enough. `weights` are all weights in `order`; `magnitudes` is `[inputs]`, or empty if nothing is
/// known of the inputs.
///
/// Multiply the inputs by the factors, and divide the weights by them with [`divide_inputs`].
///
/// ```
/// use corom::encoder::quantize::equalize::input_factors;
/// use corom::encoder::spec::{Activation, LinearSpec, WeightOrder};
///
/// // The weights of the first input are 16 times as large as all others.
/// let spec = LinearSpec { inputs: 64, outputs: 8, activation: Activation::None };
/// let weights: Vec<f32> = (0..64 * 8).map(|i| if i % 64 == 0 { 16.0 } else { 1.0 }).collect();
/// let factors = input_factors(&spec, WeightOrder::OutIn, &weights, &[])?;
/// assert_eq!((factors[0], factors[1]), (2.0, 1.0));
/// // Nothing to equalize.
/// assert!(input_factors(&spec, WeightOrder::OutIn, &[1.0; 64 * 8], &[])?.is_empty());
/// # Ok::<(), corom::error::Error>(())
/// ```
///
/// # Errors
/// `OUT_OF_MEMORY`.
///
/// # Panics
/// If there is another number of weights or magnitudes.
pub fn input_factors(
    spec: &LinearSpec,
    order: WeightOrder,
    weights: &[f32],
    magnitudes: &[f32],
) -> Result<Vec<f32>> {
    let LinearSpec { inputs, outputs, .. } = *spec;
    assert_eq!(weights.len(), inputs * outputs, "weights are [outputs, inputs]");
    assert!(magnitudes.is_empty() || magnitudes.len() == inputs, "magnitudes is [inputs] or empty");
    let mut columns = reserve::try_filled(inputs, 0.0f32, "the magnitudes of the columns of a weight")?;
    column_max(spec, order, weights, &mut columns);
    let mut known = reserve::try_filled(inputs, 1.0f32, "the magnitudes of the inputs of a weight")?;
    if !magnitudes.is_empty() {
        known.copy_from_slice(magnitudes);
    }
    if !clamp(&mut columns) || !clamp(&mut known) {
        return Ok(Vec::new());
    }
    let mut squares = reserve::try_filled(inputs, 0.0f32, "the squares of the columns of a weight")?;
    column_squares(spec, order, weights, &mut squares);
    let exponents: &[_] = if magnitudes.is_empty() { &WITHOUT_MAGNITUDES } else { &WITH_MAGNITUDES };
    let error = |t: &[f32]| -> Result<f64> {
        let of_weights = rounding_steps(spec, order, weights, t)? * input_squares(t, &known);
        Ok(of_weights + block_error(t, &known, &squares))
    };
    let ones = reserve::try_filled(inputs, 1.0f32, "the factors of a weight")?;
    let most = MAX_REMAINING * error(&ones)?;
    for &(alpha, beta) in exponents {
        let mut t = reserve::try_with_capacity(inputs, "the factors of a weight")?;
        t.extend(columns.iter().zip(&known).map(|(m, a)| quarters(*a, beta) / quarters(*m, alpha)));
        center(&mut t);
        if error(&t)? < most {
            t.iter_mut().for_each(|t| *t = 1.0 / *t);
            return Ok(t);
        }
    }
    Ok(Vec::new())
}

/// Multiplies the weights of each input by its factor: what a kernel without factors for its inputs needs.
/// Does nothing if `factors` is empty.
pub fn multiply_inputs(spec: &LinearSpec, order: WeightOrder, weights: &mut [f32], factors: &[f32]) {
    for_each_input(spec, order, weights, factors, |weight, factor| *weight *= factor);
}

/// Divides the weights of each input by its factor. Does nothing if `factors` is empty.
pub fn divide_inputs(spec: &LinearSpec, order: WeightOrder, weights: &mut [f32], factors: &[f32]) {
    for_each_input(spec, order, weights, factors, |weight, factor| *weight /= factor);
}

fn for_each_input(
    spec: &LinearSpec,
    order: WeightOrder,
    weights: &mut [f32],
    factors: &[f32],
    apply: impl Fn(&mut f32, f32),
) {
    if factors.is_empty() {
        return;
    }
    match order {
        WeightOrder::OutIn => {
            for row in weights.chunks_exact_mut(spec.inputs) {
                row.iter_mut().zip(factors).for_each(|(weight, factor)| apply(weight, *factor));
            }
        }
        WeightOrder::InOut => {
            for (row, factor) in weights.chunks_exact_mut(spec.outputs).zip(factors) {
                row.iter_mut().for_each(|weight| apply(weight, *factor));
            }
        }
    }
}

/// Stores the largest magnitude of each input's weights in `columns`.
fn column_max(spec: &LinearSpec, order: WeightOrder, weights: &[f32], columns: &mut [f32]) {
    match order {
        WeightOrder::OutIn => {
            for row in weights.chunks_exact(spec.inputs) {
                columns.iter_mut().zip(row).for_each(|(max, w)| *max = max.max(w.abs()));
            }
        }
        WeightOrder::InOut => {
            for (max, row) in columns.iter_mut().zip(weights.chunks_exact(spec.outputs)) {
                *max = row.iter().fold(0.0, |max, w| max.max(w.abs()));
            }
        }
    }
}

/// Raises small magnitudes, so that every factor is finite. Returns false if there is nothing to equalize:
/// all are 0, or one is not finite.
fn clamp(magnitudes: &mut [f32]) -> bool {
    let max = magnitudes.iter().fold(0.0f32, |max, m| if m.is_finite() { max.max(*m) } else { f32::NAN });
    if !(max >= f32::MIN_POSITIVE / MIN_MAGNITUDE && magnitudes.iter().all(|m| m.is_finite())) {
        return false;
    }
    magnitudes.iter_mut().for_each(|m| *m = m.max(max * MIN_MAGNITUDE));
    true
}

/// Returns `x` to the power of `quarters / 4`.
fn quarters(x: f32, quarters: u32) -> f32 {
    match quarters {
        0 => 1.0,
        1 => x.sqrt().sqrt(),
        _ => x.sqrt(),
    }
}

/// Multiplies all factors by the power of two that makes the mean of their exponents 0. A power of two
/// changes no bit of the integers.
fn center(t: &mut [f32]) {
    let exponent = |t: &f32| i64::from(t.to_bits() >> 23) - 127;
    let mean = t.iter().map(exponent).sum::<i64>() / (t.len() as i64).max(1);
    let power = f32::from_bits(((127 - mean).clamp(1, 254) as u32) << 23);
    t.iter_mut().for_each(|t| *t *= power);
}

/// Adds up the squares of each input's weights in `squares`.
fn column_squares(spec: &LinearSpec, order: WeightOrder, weights: &[f32], squares: &mut [f32]) {
    match order {
        WeightOrder::OutIn => {
            for row in weights.chunks_exact(spec.inputs) {
                squares.iter_mut().zip(row).for_each(|(sum, w)| *sum += w * w);
            }
        }
        WeightOrder::InOut => {
            for (sum, row) in squares.iter_mut().zip(weights.chunks_exact(spec.outputs)) {
                row.iter().for_each(|w| *sum += w * w);
            }
        }
    }
}

/// Returns the sum over all outputs of `(max |w · t|)²`. The squared error of a rounded weight is this times a
/// constant.
fn rounding_steps(spec: &LinearSpec, order: WeightOrder, weights: &[f32], t: &[f32]) -> Result<f64> {
    // Compiles to a maximum of vectors, other than `f32::max`.
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut rows = reserve::try_filled(spec.outputs, 0.0f32, "the magnitudes of the rows of a weight")?;
    match order {
        WeightOrder::OutIn => {
            for (max, row) in rows.iter_mut().zip(weights.chunks_exact(spec.inputs)) {
                let mut lanes = [0.0f32; 8];
                let (octets, rest) = row.as_chunks::<8>();
                let (factors, more_factors) = t.as_chunks::<8>();
                for (w, t) in octets.iter().zip(factors) {
                    lanes = std::array::from_fn(|i| larger(lanes[i], (w[i] * t[i]).abs()));
                }
                let rest = rest.iter().zip(more_factors).map(|(w, t)| (w * t).abs());
                *max = rest.chain(lanes).fold(0.0, larger);
            }
        }
        WeightOrder::InOut => {
            for (row, t) in weights.chunks_exact(spec.outputs).zip(t) {
                rows.iter_mut().zip(row).for_each(|(max, w)| *max = larger(*max, (w * t).abs()));
            }
        }
    }
    Ok(rows.into_iter().map(square).sum())
}

fn square(x: f32) -> f64 {
    f64::from(x) * f64::from(x)
}

/// Returns the sum of the squared inputs.
fn input_squares(t: &[f32], magnitudes: &[f32]) -> f64 {
    magnitudes.iter().zip(t).map(|(a, t)| square(a / t)).sum()
}

/// Estimates the squared error that 7-bit activations in blocks leave, in the unit of the error of the weights.
fn block_error(t: &[f32], magnitudes: &[f32], squares: &[f32]) -> f64 {
    let blocks = t.chunks(BLOCK).zip(magnitudes.chunks(BLOCK)).zip(squares.chunks(BLOCK));
    blocks
        .map(|((t, magnitudes), squares)| {
            let largest = magnitudes.iter().zip(t).fold(0.0f32, |max, (a, t)| max.max(a / t));
            let of_weights: f64 = squares.iter().zip(t).map(|(sum, t)| f64::from(*sum) * square(*t)).sum();
            RANGE * RANGE * square(largest) * of_weights
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::testing::Random;
    use crate::encoder::quantize::int8::quantize_rows_i8;
    use crate::encoder::spec::Activation;

    const SPEC: LinearSpec = LinearSpec { inputs: 96, outputs: 40, activation: Activation::None };

    fn transposed(weights: &[f32]) -> Vec<f32> {
        (0..weights.len()).map(|i| weights[i % SPEC.outputs * SPEC.inputs + i / SPEC.outputs]).collect()
    }

    /// Weights with a column that is `size` times as large as the others.
    fn weights(size: f32) -> Vec<f32> {
        let mut weights = Random(3).normals(SPEC.inputs * SPEC.outputs);
        weights.iter_mut().skip(7).step_by(SPEC.inputs).for_each(|w| *w *= size);
        weights
    }

    /// The mean squared error of quantized weights, times the squares of the inputs' magnitudes.
    fn error(weights: &[f32], factors: &[f32], magnitudes: &[f32]) -> f32 {
        let mut equalized = weights.to_vec();
        divide_inputs(&SPEC, WeightOrder::OutIn, &mut equalized, factors);
        let (q, scales) = quantize_rows_i8(&equalized, SPEC.inputs).unwrap();
        let mut back: Vec<f32> =
            q.iter().enumerate().map(|(i, q)| f32::from(*q) * scales[i / SPEC.inputs]).collect();
        multiply_inputs(&SPEC, WeightOrder::OutIn, &mut back, factors);
        let errors = back.iter().zip(weights).enumerate();
        errors.map(|(i, (a, b))| ((a - b) * magnitudes[i % SPEC.inputs]).powi(2)).sum()
    }

    #[test]
    fn factors_do_not_depend_on_the_order_of_the_weights() {
        let weights = weights(20.0);
        for magnitudes in [Vec::new(), (0..SPEC.inputs).map(|k| 1.0 + k as f32).collect()] {
            let one = input_factors(&SPEC, WeightOrder::OutIn, &weights, &magnitudes).unwrap();
            let other = input_factors(&SPEC, WeightOrder::InOut, &transposed(&weights), &magnitudes).unwrap();
            assert!(!one.is_empty());
            assert_eq!(one, other);
            let (mut a, mut b) = (weights.clone(), transposed(&weights));
            divide_inputs(&SPEC, WeightOrder::OutIn, &mut a, &one);
            divide_inputs(&SPEC, WeightOrder::InOut, &mut b, &one);
            assert_eq!(transposed(&a), b);
        }
    }

    #[test]
    fn a_large_column_costs_the_other_weights_less() {
        let ones = [1.0; SPEC.inputs];
        let weights = weights(20.0);
        let factors = input_factors(&SPEC, WeightOrder::OutIn, &weights, &[]).unwrap();
        let (before, after) = (error(&weights, &[], &ones), error(&weights, &factors, &ones));
        assert!(after < 0.5 * before, "{before} {after}");
    }

    #[test]
    fn a_large_input_gets_a_small_factor() {
        let mut magnitudes = [1.0; SPEC.inputs];
        magnitudes[5] = 30.0;
        let weights = weights(1.0);
        let factors = input_factors(&SPEC, WeightOrder::OutIn, &weights, &magnitudes).unwrap();
        assert!(factors[5] < 0.5 * factors[6], "{factors:?}");
    }

    #[test]
    fn weights_with_nothing_to_gain_keep_their_bits() {
        let signs: Vec<f32> = weights(1.0).iter().map(|w| w.signum()).collect();
        assert!(input_factors(&SPEC, WeightOrder::OutIn, &signs, &[]).unwrap().is_empty());
        assert!(input_factors(&SPEC, WeightOrder::OutIn, &signs, &[3.0; SPEC.inputs]).unwrap().is_empty());
    }

    #[test]
    fn extreme_weights_give_finite_factors_or_none() {
        let mut tiny = weights(1.0);
        tiny.iter_mut().for_each(|w| *w *= 1e-38);
        let mut zero_column = weights(20.0);
        zero_column.iter_mut().step_by(SPEC.inputs).for_each(|w| *w = 0.0);
        let mut huge = weights(1.0);
        huge[7] = f32::MAX;
        let mut nan = weights(20.0);
        nan[9] = f32::NAN;
        for weights in [vec![0.0; SPEC.inputs * SPEC.outputs], tiny, zero_column, huge, nan] {
            for magnitudes in
                [&[][..], &[0.0; SPEC.inputs], &[f32::INFINITY; SPEC.inputs], &[1e-30; SPEC.inputs]]
            {
                let factors = input_factors(&SPEC, WeightOrder::OutIn, &weights, magnitudes).unwrap();
                assert!(factors.iter().all(|f| f.is_finite() && *f > 0.0), "{factors:?}");
            }
        }
    }
}
