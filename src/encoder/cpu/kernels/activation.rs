//! The activation functions, over slices.

use super::math::Math;
use super::simd::{F32x4, LANES};
use crate::encoder::spec::Activation;

/// Applies `activation` to every value, in place.
pub fn apply(activation: Activation, values: &mut [f32]) {
    let math = Math::new();
    match activation {
        Activation::None => {}
        Activation::Gelu => map(values, |x| math.gelu(x)),
        Activation::GeluTanh => map(values, |x| math.gelu_tanh(x)),
        // `max` returns a NaN in its first operand.
        Activation::Relu => map(values, |x| x.max(F32x4::zero())),
        Activation::Tanh => map(values, |x| math.tanh(x)),
    }
}

/// Applies `f` to all values, four at a time.
#[inline(always)]
fn map(values: &mut [f32], f: impl Fn(F32x4) -> F32x4) {
    let (vectors, rest) = values.as_chunks_mut::<LANES>();
    for vector in vectors {
        f(F32x4::load(vector)).store(vector);
    }
    if !rest.is_empty() {
        f(F32x4::load_part(rest, 0.0)).store_part(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::reference::linear::reference_activation;

    #[test]
    fn activations_equal_the_reference_for_slices_of_every_length() {
        for activation in
            [Activation::None, Activation::Gelu, Activation::GeluTanh, Activation::Relu, Activation::Tanh]
        {
            for len in 0..20 {
                let x: Vec<f32> = (0..len).map(|i| i as f32 * 0.7 - 5.0).collect();
                let mut y = x.clone();
                apply(activation, &mut y);
                for (x, y) in x.iter().zip(y) {
                    let expected = reference_activation(activation, f64::from(*x));
                    assert!((f64::from(y) - expected).abs() < 1e-6, "{activation:?}({x}) = {y}");
                }
            }
        }
        let mut nan = [f32::NAN; 5];
        apply(Activation::Relu, &mut nan);
        assert!(nan.iter().all(|x| x.is_nan()));
    }
}
