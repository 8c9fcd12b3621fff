//! Checks that the engine runs a relaxed kernel correctly. V8 11.3's baseline compiler compiles some of the
//! functions wrongly and others correctly, depending on its register allocation. Each tile height is a
//! function of its own, for int8 and for 4-bit weights, so all of them are compared with the reference.

use super::kernel::Kernel;
use super::layout::TILE_ROWS;
use super::pack_activation_blocks::BLOCK_U7;
use super::pack_i4::PackI4;
use super::pack_i8::PackI8;
use super::packed_linear::Linear;
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::quantize::int4::{BLOCK_I4, BlockI4};
use crate::encoder::reference::linear::QuantizedWeight;
use crate::encoder::reference::linear_blocks::{
    QuantizedWeightI4, reference_linear_i4_i8, reference_linear_u7,
};
use crate::encoder::spec::{Activation, LinearSpec, WeightOrder};
use crate::error::Result;

/// A block of 64 inputs and a half of one, two panels.
const SPEC: LinearSpec = LinearSpec { inputs: 96, outputs: 16, activation: Activation::None };
const BLOCKS: usize = SPEC.inputs / BLOCK_I4;

impl Kernel {
    /// Returns true if a relaxed kernel gives the bits of the reference on this engine. Takes a fraction of a
    /// millisecond. Also returns false when there is no memory for the small weights of the check.
    pub fn passes_self_check(self) -> bool {
        passes(self).unwrap_or(false)
    }
}

fn passes(kernel: Kernel) -> Result<bool> {
    let x: Vec<f32> = (0..TILE_ROWS * SPEC.inputs).map(|i| (i * 13 % 101) as f32 * 0.37 - 11.0).collect();
    let count = SPEC.inputs * SPEC.outputs;

    let q = int8_weights();
    let scale = vec![0.125; SPEC.outputs];
    let mut pack = PackI8::new(SPEC, kernel, scale.clone(), Vec::new())?;
    pack.put_i8(WeightOrder::OutIn, 0, &q);
    let int8 = pack.finish();

    let nibbles: Vec<u8> = (0..count).map(|i| (i * 11 % 16) as u8).collect();
    let mut pack = PackI4::new(SPEC, kernel, Vec::new())?;
    for (at, block) in nibbles.as_chunks::<BLOCK_I4>().0.iter().enumerate() {
        let q = std::array::from_fn(|i| block[2 * i] | block[2 * i + 1] << 4);
        pack.put_block(at / BLOCKS, at % BLOCKS, &BlockI4 { q, scale: 0.25, zero: (at % 16) as u8 });
    }
    let int4 = pack.finish();
    let zero: Vec<u8> = (0..SPEC.outputs * BLOCKS).map(|at| (at % 16) as u8).collect();
    let scales4 = vec![0.25; zero.len()];

    let mut scratch = Scratch::new();
    let weight = QuantizedWeight { q: &q, scale: &scale, zero: &[] };
    let weight4 = QuantizedWeightI4 { q: &nibbles, scale: &scales4, zero: &zero };
    let mut is_expected = |linear: &Linear, x: &[f32], rows: usize, expected: Vec<f32>| {
        let mut out = vec![0.0; expected.len()];
        linear.forward(x, rows, &mut out, &mut scratch);
        out == expected
    };
    Ok((1..=TILE_ROWS).all(|rows| {
        let x = &x[..rows * SPEC.inputs];
        is_expected(&int8, x, rows, reference_linear_u7(&SPEC, x, weight, &[], BLOCK_U7))
            && is_expected(&int4, x, rows, reference_linear_i4_i8(&SPEC, x, weight4, &[]))
    }))
}

/// Returns int8 weights. Those of the second panel have the largest magnitudes, so that their products are
/// not added in pairs.
fn int8_weights() -> Vec<i8> {
    let weight = |i: usize| ((i * 7 % 61 + i * 29 % 71) as i32 - 65) as i8;
    let large = |i: usize| if i.is_multiple_of(3) { -128 } else { 127 };
    let first = SPEC.inputs * SPEC.outputs / 2;
    (0..2 * first).map(|i| if i < first { weight(i) } else { large(i) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn self_check_covers_blocks_with_and_without_paired_products() {
        let mut pack = PackI8::new(SPEC, Kernel::RelaxedI16, vec![1.0; SPEC.outputs], Vec::new()).unwrap();
        pack.put_i8(WeightOrder::OutIn, 0, &int8_weights());
        let Linear::I8Relaxed(linear) = pack.finish() else { panic!("not packed for a relaxed kernel") };
        assert_eq!(linear.can_pair(), [true, true, false, false]);
    }

    #[test]
    fn relaxed_kernels_pass_with_emulated_instructions() {
        assert!(Kernel::RelaxedI16.passes_self_check());
        assert!(Kernel::RelaxedI32.passes_self_check());
    }
}
