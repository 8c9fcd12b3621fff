//! Activation functions over a slice, in place.

use super::math::Math;
use super::simd::{F32x4, LANES};
use crate::encoder::spec::Activation;

/// Applies `activation` to every value.
pub fn apply(activation: Activation, values: &mut [f32]) {
    let math = Math::new();
    match activation {
        Activation::None => {}
        Activation::Gelu => map(values, |x| math.gelu(x)),
        Activation::GeluTanh => map(values, |x| math.gelu_tanh(x)),
        // `max` hands a NaN on from its first operand.
        Activation::Relu => map(values, |x| x.max(F32x4::zero())),
        Activation::Tanh => map(values, |x| math.tanh(x)),
    }
}

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
