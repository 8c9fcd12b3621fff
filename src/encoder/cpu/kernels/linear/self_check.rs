//! Whether an engine runs a relaxed kernel rightly: every number of rows that a tile may have is a
//! function of its own, int8 and 4-bit weights have their own, and V8 11.3's baseline compiler gets
//! some of them wrong and others not, by how it deals out registers.

use super::kernel::Kernel;
use super::layout::TILE_ROWS;
use super::pack_activation_blocks::BLOCK_U7;
use super::pack_i4::PackI4;
use super::pack_i8::PackI8;
use super::quantize::{BLOCK_I4, BlockI4};
use crate::encoder::cpu::kernels::scratch::Scratch;
use crate::encoder::reference::linear::QuantizedWeight;
use crate::encoder::reference::linear_blocks::{Weight4, reference_linear_i4_i8, reference_linear_u7};
use crate::encoder::spec::{Activation, LinearSpec, WeightOrder};

/// One block of 64 inputs and a half, two panels.
const SPEC: LinearSpec = LinearSpec { inputs: 96, outputs: 16, activation: Activation::None };
const BLOCKS: usize = SPEC.inputs / BLOCK_I4;

impl Kernel {
    /// Whether a relaxed kernel gives the reference's bits here. That takes a fraction of a millisecond.
    pub fn passes_self_check(self) -> bool {
        passes_self_check(self)
    }
}

fn passes_self_check(kernel: Kernel) -> bool {
    let x: Vec<f32> = (0..TILE_ROWS * SPEC.inputs).map(|i| (i * 13 % 101) as f32 * 0.37 - 11.0).collect();
    let count = SPEC.inputs * SPEC.outputs;

    let q = int8_weights();
    let scale = vec![0.125; SPEC.outputs];
    let mut pack = PackI8::new(SPEC, kernel, scale.clone(), Vec::new());
    pack.put_i8(WeightOrder::OutIn, 0, &q);
    let int8 = pack.finish();

    let nibbles: Vec<u8> = (0..count).map(|i| (i * 11 % 16) as u8).collect();
    let mut pack = PackI4::new(SPEC, kernel, Vec::new());
    for (at, block) in nibbles.as_chunks::<BLOCK_I4>().0.iter().enumerate() {
        let q = std::array::from_fn(|i| block[2 * i] | block[2 * i + 1] << 4);
        pack.put_block(at / BLOCKS, at % BLOCKS, &BlockI4 { q, scale: 0.25, zero: (at % 16) as u8 });
    }
    let int4 = pack.finish();
    let zero: Vec<u8> = (0..SPEC.outputs * BLOCKS).map(|at| (at % 16) as u8).collect();
    let scales4 = vec![0.25; zero.len()];

    let mut scratch = Scratch::new();
    (1..=TILE_ROWS).all(|rows| {
        let x = &x[..rows * SPEC.inputs];
        let weight = QuantizedWeight { q: &q, scale: &scale, zero: &[] };
        let due8 = reference_linear_u7(&SPEC, x, weight, &[], BLOCK_U7);
        let due4 =
            reference_linear_i4_i8(&SPEC, x, Weight4 { q: &nibbles, scale: &scales4, zero: &zero }, &[]);
        [(&int8, due8), (&int4, due4)].into_iter().all(|(linear, due)| {
            let mut out = vec![0.0; due.len()];
            linear.forward(x, rows, &mut out, &mut scratch);
            out == due
        })
    })
}

/// The second panel's are the largest there are: their products are not added in pairs.
fn int8_weights() -> Vec<i8> {
    let weight = |i: usize| ((i * 7 % 61 + i * 29 % 71) as i32 - 65) as i8;
    let large = |i: usize| if i.is_multiple_of(3) { -128 } else { 127 };
    let first = SPEC.inputs * SPEC.outputs / 2;
    (0..2 * first).map(|i| if i < first { weight(i) } else { large(i) }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::packed_linear::Linear;
    use super::*;

    #[test]
    fn blocks_of_both_kinds_are_looked_at() {
        let mut pack = PackI8::new(SPEC, Kernel::RelaxedI16, vec![1.0; SPEC.outputs], Vec::new());
        pack.put_i8(WeightOrder::OutIn, 0, &int8_weights());
        let Linear::I8Relaxed(linear) = pack.finish() else { panic!("packed for another kernel") };
        assert_eq!(linear.paired(), [true, true, false, false]);
    }

    #[test]
    fn both_relaxed_kernels_are_sound_where_they_are_spelled_out() {
        assert!(passes_self_check(Kernel::RelaxedI16));
        assert!(passes_self_check(Kernel::RelaxedI32));
    }
}
