//! 4-bit weights: blocks of 32 inputs of one output, each with a scale and a zero point.
//!
//! The layout is the one of ONNX Runtime's MatMulNBits: two integers per byte, the low half first. This
//! module has the only functions that take such bytes apart.
//!
//! [`quantize_block_i4`] tries 13 ranges, from the whole range of a block down to 70 % of it, and keeps the
//! one with the smallest squared error. (CLS row of m3e-small against f32: cosine similarity 0.9853 instead
//! of 0.9846 with the whole range.) For a part `p` of the range:
//!
//! ```text
//! s = f16((max(w, 0) − min(w, 0)) · p / 15)
//! z = clamp(round(−min(w, 0) · p / s), 0, 15)
//! q = clamp(round(w / s) + z, 0, 15)
//! w ≈ s · (q − z)
//! ```
//!
//! The scale is rounded to a half float, which a file stores in two bytes. A scale outside the normal range
//! of half floats keeps its full precision.

use half::f16;

/// Inputs per block.
pub const BLOCK_I4: usize = 32;

/// Returns the two 4-bit integers of a byte, the low half first.
#[inline(always)]
pub(crate) fn split_byte(byte: u8) -> [u8; 2] {
    [byte & 15, byte >> 4]
}

/// Returns integer `index` of a list of 4-bit integers, two per byte, the low half first.
///
/// ```
/// assert_eq!(corom::encoder::quantize::int4::u4_at(&[0x21, 0x43], 2), 3);
/// ```
///
/// # Panics
/// If there is no such byte.
#[inline(always)]
pub fn u4_at(bytes: &[u8], index: usize) -> u8 {
    split_byte(bytes[index / 2])[index % 2]
}

/// Iterates over a list of 4-bit integers, two per byte, the low half first.
///
/// ```
/// use corom::encoder::quantize::int4::unpack_u4;
/// assert!(unpack_u4(&[0x21, 0x43]).eq([1, 2, 3, 4]));
/// ```
pub fn unpack_u4(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().flat_map(|byte| split_byte(*byte))
}

/// A quantized block: `w ≈ scale · (q − zero)`. Inputs after the end of a short block are `zero`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockI4 {
    /// The integers, two per byte, the low half first.
    pub q: [u8; BLOCK_I4 / 2],
    /// The scale: a half float, unless no normal half float is near it.
    pub scale: f32,
    /// The zero point, 0..=15.
    pub zero: u8,
}

impl BlockI4 {
    /// Returns the 32 weights that the block represents.
    pub fn values(&self) -> [f32; BLOCK_I4] {
        std::array::from_fn(|i| (f32::from(u4_at(&self.q, i)) - f32::from(self.zero)) * self.scale)
    }
}

/// Quantizes up to 32 weights of one output.
///
/// ```
/// use corom::encoder::quantize::int4::quantize_block_i4;
///
/// let block = quantize_block_i4(&[0.0, 0.5, 1.0, 7.5]);
/// assert_eq!((block.scale, block.zero), (0.5, 0));
/// assert_eq!(block.values()[..4], [0.0, 0.5, 1.0, 7.5]);
/// ```
///
/// # Panics
/// If there are more than 32.
pub fn quantize_block_i4(weights: &[f32]) -> BlockI4 {
    let mut block = [0.0; BLOCK_I4];
    block[..weights.len()].copy_from_slice(weights);
    let low = block.iter().fold(0.0f32, |m, x| m.min(*x));
    let high = block.iter().fold(0.0f32, |m, x| m.max(*x));
    let mut best = (f32::INFINITY, Candidate { scale: 0.0, inverse_scale: 0.0, zero: 8.0 });
    for part in (0..13).map(|i| 1.0 - 0.025 * i as f32) {
        let scale = half_if_normal((high - low) * part / 15.0);
        if scale <= 1e-30 {
            break; // All weights are zero, or too small for the reciprocal.
        }
        let inverse_scale = 1.0 / scale;
        let zero = round(-low * part * inverse_scale).clamp(0.0, 15.0);
        let candidate = Candidate { scale, inverse_scale, zero };
        let error = candidate.squared_error(&block);
        if error < best.0 {
            best = (error, candidate);
        }
    }
    let best = best.1;
    let q = std::array::from_fn(|i| best.q(block[2 * i]) as u8 | (best.q(block[2 * i + 1]) as u8) << 4);
    BlockI4 { q, scale: best.scale, zero: best.zero as u8 }
}

/// A scale and a zero point to try.
#[derive(Clone, Copy)]
struct Candidate {
    scale: f32,
    inverse_scale: f32,
    zero: f32,
}

impl Candidate {
    /// Returns the integer of one weight.
    fn q(&self, weight: f32) -> f32 {
        (round(weight * self.inverse_scale) + self.zero).clamp(0.0, 15.0)
    }

    /// Returns the squared error of a block. Eight sums side by side let the compiler use vectors.
    fn squared_error(&self, block: &[f32; BLOCK_I4]) -> f32 {
        let mut sums = [0.0; 8];
        for weights in block.as_chunks::<8>().0 {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                let error = (self.q(*weight) - self.zero) * self.scale - weight;
                *sum += error * error;
            }
        }
        sums.iter().sum()
    }
}

/// Rounds to the nearest integer, ties to even. Exact for magnitudes below 2²², which all inputs here have.
/// The standard library's function is a call where the processor's baseline lacks SSE4.1.
fn round(x: f32) -> f32 {
    const LARGE: f32 = 12_582_912.0; // 1.5 · 2²³: f32 has no fractions from 2²³ on.
    x + LARGE - LARGE
}

/// Returns the half float nearest to `value` if it is a normal number, which has eleven bits, and `value`
/// otherwise.
fn half_if_normal(value: f32) -> f32 {
    let half = f16::from_f32(value).to_f32();
    if (f16::MIN_POSITIVE.to_f32()..=f16::MAX.to_f32()).contains(&half) { half } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::testing::Random;

    #[test]
    fn lists_are_taken_apart_low_half_first() {
        let bytes = [0x10, 0x32, 0xfe];
        assert!(unpack_u4(&bytes).eq([0, 1, 2, 3, 14, 15]));
        assert!((0..6).map(|i| u4_at(&bytes, i)).eq(unpack_u4(&bytes)));
    }

    #[test]
    fn scales_are_half_floats_in_the_normal_range_of_half_floats() {
        let values = Random(7).normals(32);
        for (size, is_half) in [(1.0, true), (0.05, true), (1e-5, false), (1e6, false), (1e-25, false)] {
            let values: Vec<f32> = values.iter().map(|x| x * size).collect();
            let block = quantize_block_i4(&values);
            assert_eq!(f16::from_f32(block.scale).to_f32() == block.scale, is_half, "{size}");
            let range = values.iter().fold(0.0f32, |m, x| m.max(x.abs())) * 2.0;
            let errors = values.iter().zip(block.values()).map(|(x, y)| ((x - y) / range).abs());
            let error = errors.sum::<f32>() / 32.0;
            assert!(error <= 0.02, "{size}: {error} of the range");
        }
    }

    #[test]
    fn the_error_of_a_block_is_at_most_that_of_its_whole_range() {
        let mut random = Random(6);
        for len in [1, 2, 7, 31, 32] {
            for _ in 0..50 {
                let values = random.normals(len);
                let block = quantize_block_i4(&values);
                let range = values.iter().fold(0.0f32, |m, x| m.max(*x))
                    - values.iter().fold(0.0f32, |m, x| m.min(*x));
                let got = block.values();
                let error: f32 = values.iter().zip(got).map(|(x, y)| (x - y) * (x - y)).sum();
                // Half a step per weight, and half a step for the rounding of the zero point.
                assert!(error <= len as f32 * (range / 15.0).powi(2), "{values:?} {block:?}");
                assert!(got[len..].iter().all(|x| *x == 0.0));
            }
        }
        assert_eq!(quantize_block_i4(&[0.0; 32]).values(), [0.0; 32]);
        assert_eq!(quantize_block_i4(&[]).values(), [0.0; 32]);
    }
}
