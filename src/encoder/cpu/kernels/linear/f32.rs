//! The f32 kernels: exact, with products rounded before they are added in a fixed order, and relaxed, with
//! the fused multiply-add of relaxed SIMD. They are for `precision: "f32"` and for attention.
//!
//! Unlike the integer kernels, a tile goes through all inputs before the next tile starts. Nothing is widened
//! or taken apart, so nothing would be shared between tiles. Instead, a panel is read into the cache before
//! its first tile.

use super::blocked_loop::LinearIo;
use super::epilogue::{Epilogue, store_panel};
use super::kernel::Kernel;
use super::layout::{PANEL_COLUMNS, PanelRow, TILE_ROWS};
use super::pack_activations::pack_floats;
use super::tiles::tiles;
use crate::encoder::cpu::kernels::scratch::{Scratch, ensure_len};
use crate::encoder::cpu::kernels::simd::{F32x4, Floats, Job, Simd, choose};
use crate::encoder::spec::LinearSpec;
use std::ops::Range;

/// Bytes per cache line.
const CACHE_LINE_BYTES: usize = 64;

/// A `Linear` with f32 weights.
#[derive(Debug)]
pub struct LinearF32 {
    spec: LinearSpec,
    kernel: Kernel,
    /// For each panel, for each input.
    weights: Vec<PanelRow>,
    epilogue: Epilogue,
}

impl LinearF32 {
    /// Takes weights in the layout of [`PackF32`](super::pack_f32::PackF32).
    pub(super) fn new(spec: LinearSpec, kernel: Kernel, weights: Vec<PanelRow>, epilogue: Epilogue) -> Self {
        Self { spec, kernel, weights, epilogue }
    }

    /// Returns the shape and the activation function.
    pub fn spec(&self) -> &LinearSpec {
        &self.spec
    }

    /// Returns the bytes of weights and bias.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.weights[..]) + self.epilogue.bytes()
    }

    /// Returns the kernel that the weights were packed for.
    pub(super) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// See [`Linear::forward_with`](super::packed_linear::Linear::forward_with).
    pub(super) fn forward_with(&self, kernel: Kernel, io: LinearIo<'_>, scratch: &mut Scratch) {
        struct Forward<'a>(&'a LinearF32, bool, LinearIo<'a>, &'a mut Scratch);
        impl Job for Forward<'_> {
            type Output = ();

            fn run<S: Simd>(self, simd: S) {
                self.0.forward_on(simd, self.1, self.2, self.3);
            }
        }
        choose(Forward(self, kernel.is_relaxed(), io, scratch));
    }

    /// Computes the outputs with an instruction set.
    fn forward_on<S: Simd>(&self, simd: S, relaxed: bool, io: LinearIo<'_>, scratch: &mut Scratch) {
        let inputs = self.spec.inputs;
        let pack = |x: &[f32], count, scratch: &mut Scratch| {
            pack_floats(x, count, inputs, ensure_len(&mut scratch.float_activations, count * inputs));
        };
        io.for_each_group(simd, &self.spec, 4 * inputs, scratch, pack, |panels, count, scratch, out| {
            for first in panels.clone().step_by(float_panels::<S>()) {
                self.pass(simd, first..panels.end, count, relaxed, &scratch.float_activations, out);
            }
        });
    }

    /// Computes the outputs of one pass, the first of `panels`, for all rows of a strip.
    fn pass<S: Simd>(
        &self,
        simd: S,
        panels: Range<usize>,
        rows: usize,
        relaxed: bool,
        acts: &[f32],
        out: &mut [f32],
    ) {
        let LinearSpec { inputs, outputs, .. } = self.spec;
        let weights = [0, 1].map(|p| {
            let panel = (panels.start + p).min(panels.end - 1);
            &self.weights[panel * inputs..][..inputs]
        });
        for panel in &weights[..float_panels::<S>()] {
            prefetch_panel(panel);
        }
        for (first, count) in tiles(rows) {
            let mut sums = [[[0.0; 8]; 2]; TILE_ROWS];
            let acts = &acts[first * inputs..][..count * inputs];
            multiply_tile(simd, weights, acts, count, relaxed, &mut sums);
            for (r, sums) in sums.iter().enumerate().take(count) {
                let row = &mut out[(first + r) * outputs..][..outputs];
                for (panel, sums) in panels.clone().zip(&sums[..float_panels::<S>()]) {
                    let mut outputs = [0.0; PANEL_COLUMNS];
                    for (i, sums) in sums.as_chunks::<4>().0.iter().enumerate() {
                        let output = self.epilogue.biased(panel, 4 * i, F32x4::load(sums));
                        Floats::store(output, &mut outputs[4 * i..]);
                    }
                    store_panel(row, panel, &outputs);
                }
            }
        }
    }
}

/// Returns the panels that a pass of the f32 kernels computes: two vectors of outputs.
pub(in crate::encoder::cpu::kernels) const fn float_panels<S: Simd>() -> usize {
    2 * S::F32::LANES / PANEL_COLUMNS
}

/// Reads one value of each cache line of a panel, so that many lines are fetched from memory at once. The
/// loop of a kernel alone keeps four or five fetches in flight, because a processor looks no further ahead,
/// and WebAssembly has no prefetch instruction. For int8 weights this was 10 to 14 % slower at 8 tokens.
#[inline(never)]
fn prefetch_panel(weights: &[PanelRow]) {
    let lines = weights.chunks(CACHE_LINE_BYTES / 32).map(|line| line[0].0[0].to_bits());
    std::hint::black_box(lines.fold(0u32, |sum, bits| sum.wrapping_add(bits)));
}

/// The sums of a tile: for each row, for each panel of a pass, eight sums.
pub(in crate::encoder::cpu::kernels) type FloatSums = [[[f32; PANEL_COLUMNS]; 2]; TILE_ROWS];

/// Computes `sums[row] = Σₖ acts[k][row] · weights[k]` for a tile of `rows` rows, at most 4, and the panels of
/// a pass: the first [`float_panels`] of `weights`. Both products of attention use this function too.
#[inline(always)]
pub(in crate::encoder::cpu::kernels) fn multiply_tile<S: Simd>(
    simd: S,
    weights: [&[PanelRow]; 2],
    acts: &[f32],
    rows: usize,
    relaxed: bool,
    sums: &mut FloatSums,
) {
    match (relaxed, rows) {
        (false, 4) => simd.vectorize(Tile::<4, false> { weights, acts, sums }),
        (false, 3) => simd.vectorize(Tile::<3, false> { weights, acts, sums }),
        (false, 2) => simd.vectorize(Tile::<2, false> { weights, acts, sums }),
        (false, _) => simd.vectorize(Tile::<1, false> { weights, acts, sums }),
        (true, 4) => simd.vectorize(Tile::<4, true> { weights, acts, sums }),
        (true, 3) => simd.vectorize(Tile::<3, true> { weights, acts, sums }),
        (true, 2) => simd.vectorize(Tile::<2, true> { weights, acts, sums }),
        (true, _) => simd.vectorize(Tile::<1, true> { weights, acts, sums }),
    }
}

/// See [`multiply_tile`]. With `FUSED`, products are fused with sums where the machine can.
struct Tile<'a, const ROWS: usize, const FUSED: bool> {
    weights: [&'a [PanelRow]; 2],
    acts: &'a [f32],
    sums: &'a mut FloatSums,
}

impl<const ROWS: usize, const FUSED: bool> Job for Tile<'_, ROWS, FUSED> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { weights, acts, sums: out } = self;
        let lanes = S::F32::LANES;
        let mut sums = [[S::F32::zero(); 2]; ROWS];
        let weights = weights.map(|panel| &panel[..weights[0].len()]);
        for (k, acts) in acts.as_chunks::<ROWS>().0.iter().enumerate().take(weights[0].len()) {
            let first = S::F32::load(&weights[0][k].0);
            let second = &weights[lanes / PANEL_COLUMNS][k].0[lanes % PANEL_COLUMNS..];
            let weights = [first, S::F32::load(second)];
            for r in 0..ROWS {
                let act = S::F32::splat(acts[r]);
                for v in 0..2 {
                    sums[r][v] = if FUSED {
                        simd.mul_add(act, weights[v], sums[r][v])
                    } else {
                        sums[r][v].add(act.mul(weights[v]))
                    };
                }
            }
        }
        for (sums, out) in sums.iter().zip(out) {
            let out = out.as_flattened_mut();
            sums[0].store(out);
            sums[1].store(&mut out[lanes..]);
        }
    }
}
