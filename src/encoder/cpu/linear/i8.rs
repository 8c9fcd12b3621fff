//! int8 weights per output channel, exact: what the plain build runs, and what the relaxed build
//! runs when it is asked for the same bits.
//!
//! Activations become integers of up to 15 bits, a scale a row (see [`activation_max`]); the
//! products with the int8 weights, widened as they are read, are summed in `i32` without
//! rounding. In `simd128` that is `i32x4.dot_i16x8_s`: two products a lane and instruction.

use super::columns::{COLUMNS, Epilogue, panels};
use super::drive::Rows;
use super::pack::PackI8;
use super::rows::{self, TILE_ROWS, tiles};
use super::{Bytes, touch};
use crate::encoder::cpu::scratch::Scratch;
use crate::encoder::cpu::simd::{F32x4, I16x8, I32x4};
use crate::encoder::ops::linear::{LinearSpec, activation_max};

/// A `Linear` with exact int8 arithmetic.
#[derive(Debug)]
pub struct LinearI8 {
    spec: LinearSpec,
    /// For each panel of eight outputs, for each pair of inputs, each output's pair.
    weights: Vec<Bytes>,
    epilogue: Epilogue,
    /// Zero points, where a file has them: then the rows' sums are needed.
    zero: Vec<i32>,
    /// The largest integer of an activation.
    max: i32,
}

impl LinearI8 {
    /// See [`PackI8`], which makes it.
    pub(super) fn from_pack(pack: PackI8) -> Self {
        let PackI8 { spec, weights, scales, bias, mut zero, .. } = pack;
        let zero_max = zero.iter().map(|z| z.unsigned_abs() as usize).max().unwrap_or(0);
        if !zero.is_empty() {
            zero.resize(panels(spec.outputs).end * COLUMNS, 0);
        }
        let max = activation_max(spec.inputs, 128 + zero_max);
        Self { spec, weights, epilogue: Epilogue::new(&spec, scales, bias), zero, max }
    }

    /// Its shape.
    pub fn spec(&self) -> &LinearSpec {
        &self.spec
    }

    /// Bytes of weights, scales and bias.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.weights[..]) + self.epilogue.bytes() + size_of_val(&self.zero[..])
    }

    /// See [`Linear::forward`](super::Linear::forward).
    pub(super) fn forward(&self, rows: Rows<'_>, scratch: &mut Scratch) {
        let inputs = self.spec.inputs;
        let pack = |x: &[f32], count, scratch: &mut Scratch| {
            rows::quantize_pairs(x, count, inputs, self.max, !self.zero.is_empty(), scratch);
        };
        rows.drive(&self.spec, 4 * inputs.div_ceil(2), scratch, pack, |panel, count, scratch, out| {
            self.panel(panel, count, scratch, out);
        });
    }

    /// Eight outputs of all rows of a block.
    fn panel(&self, panel: usize, rows: usize, scratch: &Scratch, out: &mut [f32]) {
        let pairs = self.spec.inputs.div_ceil(2);
        let weights = &self.weights[panel * pairs..][..pairs];
        touch(weights);
        for (first, count) in tiles(rows) {
            let acts = &scratch.packed[first * pairs..][..count * pairs];
            let mut sums = [[[0; 4]; 2]; TILE_ROWS];
            match count {
                4 => tile::<4>(weights, acts, &mut sums),
                3 => tile::<3>(weights, acts, &mut sums),
                2 => tile::<2>(weights, acts, &mut sums),
                _ => tile::<1>(weights, acts, &mut sums),
            }
            for (r, sums) in sums.iter().enumerate().take(count) {
                let mut sums = sums.each_ref().map(I32x4::load);
                if !self.zero.is_empty() {
                    let row_sum = I32x4::splat(scratch.sums[first + r]);
                    let (zero, _) = self.zero[panel * COLUMNS..][..COLUMNS].as_chunks::<4>();
                    sums = [0, 1].map(|v| sums[v].sub(row_sum.mul(I32x4::load(&zero[v]))));
                }
                let row = &mut out[(first + r) * self.spec.outputs..][..self.spec.outputs];
                let scale = F32x4::splat(scratch.scales[first + r]);
                self.epilogue.finish(panel, sums.map(I32x4::to_f32), scale, row);
            }
        }
    }
}

/// The kernel: `ROWS` rows by eight columns. One a function, so that nothing around it takes
/// registers from the loop; not unrolled further, which V8 makes slower (39 for 47 GMAC/s).
#[inline(never)]
fn tile<const ROWS: usize>(weights: &[Bytes], acts: &[i32], out: &mut [[[i32; 4]; 2]; TILE_ROWS]) {
    let mut sums = [[I32x4::zero(); 2]; ROWS];
    for (pair, acts) in weights.iter().zip(acts.as_chunks::<ROWS>().0) {
        let weights = [0, 1].map(|v| I16x8::load_i8(&pair.0.as_chunks().0[v]));
        for (sums, act) in sums.iter_mut().zip(acts) {
            let act = I32x4::splat(*act).to_i16_pairs();
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = sum.add(act.dot(weights));
            }
        }
    }
    for (sums, out) in sums.into_iter().zip(out) {
        for (sum, out) in sums.into_iter().zip(out) {
            sum.store(out);
        }
    }
}
