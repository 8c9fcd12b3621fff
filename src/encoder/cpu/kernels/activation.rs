//! The activation functions, over slices.

use super::math::Math;
use super::simd::{F32x4, Floats, Job, LANES, Simd, choose};
use crate::encoder::spec::Activation;

/// Applies `activation` to every value, in place.
pub fn apply(activation: Activation, values: &mut [f32]) {
    struct Apply<'a>(Activation, &'a mut [f32]);
    impl Job for Apply<'_> {
        type Output = ();

        fn run<S: Simd>(self, simd: S) {
            apply_with(simd, self.0, self.1);
        }
    }
    choose(Apply(activation, values));
}

/// Does what [`apply`] does, with an instruction set.
pub(super) fn apply_with<S: Simd>(simd: S, activation: Activation, values: &mut [f32]) {
    struct Map<'a>(Activation, &'a mut [f32]);
    impl Job for Map<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, _simd: S) {
            let (Self(activation, values), math) = (self, Math::new());
            match activation {
                Activation::None => {}
                Activation::Gelu => map::<S>(values, Gelu(math)),
                Activation::GeluTanh => map::<S>(values, GeluTanh(math)),
                Activation::Relu => map::<S>(values, Relu),
                Activation::Tanh => map::<S>(values, Tanh(math)),
            }
        }
    }
    if activation != Activation::None {
        simd.vectorize(Map(activation, values));
    }
}

/// A function of vectors of any width.
trait Function: Copy {
    fn of<V: Floats>(self, x: V) -> V;
}

macro_rules! function {
    ($name:ident $(($math:ident))?, $x:ident => $result:expr) => {
        #[derive(Clone, Copy)]
        struct $name $((#[doc = stringify!($math)] Math))?;

        impl Function for $name {
            #[inline(always)]
            fn of<V: Floats>(self, $x: V) -> V {
                $(let Self($math) = self;)?
                $result
            }
        }
    };
}

function!(Gelu(math), x => math.gelu(x));
function!(GeluTanh(math), x => math.gelu_tanh(x));
function!(Tanh(math), x => math.tanh(x));
// `max` returns a NaN in its first operand.
function!(Relu, x => x.max(V::zero()));

/// Applies `f` to all values, one vector at a time.
#[inline(always)]
fn map<S: Simd>(values: &mut [f32], f: impl Function) {
    let mut vectors = values.chunks_exact_mut(S::F32::LANES);
    for vector in &mut vectors {
        f.of(S::F32::load(vector)).store(vector);
    }
    for rest in vectors.into_remainder().chunks_mut(LANES) {
        f.of(F32x4::load_part(rest, 0.0)).store_part(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::simd::InstructionSet;
    use crate::encoder::reference::linear::reference_activation;

    #[test]
    fn activations_equal_the_reference_for_slices_of_every_length() {
        for activation in
            [Activation::None, Activation::Gelu, Activation::GeluTanh, Activation::Relu, Activation::Tanh]
        {
            for len in 0..20 {
                let x: Vec<f32> = (0..len).map(|i| i as f32 * 0.7 - 5.0).collect();
                let run = |set: InstructionSet| {
                    let mut y = x.clone();
                    set.with(|| apply(activation, &mut y));
                    y
                };
                let y = run(InstructionSet::Base);
                for (x, y) in x.iter().zip(&y) {
                    let expected = reference_activation(activation, f64::from(*x));
                    assert!((f64::from(*y) - expected).abs() < 1e-6, "{activation:?}({x}) = {y}");
                }
                assert!(InstructionSet::available().all(|set| run(set) == y));
            }
        }
        let mut nan = [f32::NAN; 5];
        apply(Activation::Relu, &mut nan);
        assert!(nan.iter().all(|x| x.is_nan()));
    }
}
