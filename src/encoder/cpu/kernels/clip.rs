//! `Clip`: values clipped to a range that may be shifted per column. Graphs with static quantization need it,
//! and no others. The loops are so simple that the compiler makes SIMD of them.

use super::activation::apply;
use super::add_norm::add;
use crate::encoder::spec::Activation;

/// Clips every value to a range. A NaN stays a NaN.
pub(super) fn clip(values: &mut [f32], [low, high]: [f32; 2]) {
    values.iter_mut().for_each(|x| *x = x.clamp(low, high));
}

/// Computes `activation(clip(x + plus − shift, range) + shift)` in place. `x` and `plus` are `[tokens, width]`,
/// `shift` is `[width]`; an empty `plus` or `shift` is 0.
///
/// # Panics
/// If a slice has another size, the range is empty, or a shift is not finite.
pub fn clip_rows(x: &mut [f32], plus: &[f32], range: [f32; 2], shift: &[f32], activation: Activation) {
    if !plus.is_empty() {
        add(x, plus);
    }
    if shift.is_empty() {
        clip(x, range);
    } else {
        assert!(x.len().is_multiple_of(shift.len()), "x is [tokens, width]");
        for row in x.chunks_exact_mut(shift.len()) {
            for (x, shift) in row.iter_mut().zip(shift) {
                *x = x.clamp(range[0] + shift, range[1] + shift);
            }
        }
    }
    apply(activation, x);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::testing::Random;
    use crate::encoder::reference::clip::reference_clip;

    #[test]
    fn clip_rows_equals_the_reference() {
        let (width, range) = (7, [-0.5, 0.75]);
        let mut random = Random(3);
        let (x, plus, shift) = (random.normals(5 * width), random.normals(5 * width), random.normals(width));
        for (plus, shift) in [(&plus[..], &shift[..]), (&plus[..], &[]), (&[], &shift[..]), (&[], &[])] {
            for activation in [Activation::None, Activation::Gelu, Activation::Relu] {
                let mut got = x.clone();
                clip_rows(&mut got, plus, range, shift, activation);
                let expected = reference_clip(&x, plus, range, shift, activation);
                assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-6), "{activation:?}");
                assert!(activation != Activation::None || got != x);
            }
        }
    }
}
