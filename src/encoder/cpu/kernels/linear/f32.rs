//! The f32 kernels: exact, with products rounded before they are added in a fixed order, and relaxed, with
//! the fused multiply-add of relaxed SIMD. They are for `precision: "f32"` and for attention.
//!
//! Unlike the integer kernels, a tile goes through all inputs before the next tile starts. Nothing is widened
//! or taken apart, so nothing would be shared between tiles. Instead, a panel is read into the cache before
//! its first tile.

use super::blocked_loop::LinearIo;
use super::epilogue::Epilogue;
use super::kernel::Kernel;
use super::layout::{PanelRow, TILE_ROWS};
use super::pack_activations::pack_floats;
use super::tiles::tiles;
use crate::encoder::cpu::kernels::scratch::{Scratch, ensure_len};
use crate::encoder::cpu::kernels::simd::{F32x4, relaxed};
use crate::encoder::spec::LinearSpec;

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
        let inputs = self.spec.inputs;
        let pack = |x: &[f32], count, scratch: &mut Scratch| {
            pack_floats(x, count, inputs, ensure_len(&mut scratch.float_activations, count * inputs));
        };
        io.for_each_group(&self.spec, 4 * inputs, scratch, pack, |panels, count, scratch, out| {
            for panel in panels {
                self.panel(kernel, panel, count, &scratch.float_activations, out);
            }
        });
    }

    /// Computes one panel of outputs for all rows of a strip.
    fn panel(&self, kernel: Kernel, panel: usize, rows: usize, acts: &[f32], out: &mut [f32]) {
        let LinearSpec { inputs, outputs, .. } = self.spec;
        let weights = &self.weights[panel * inputs..][..inputs];
        prefetch_panel(weights);
        for (first, count) in tiles(rows) {
            let mut sums = [[[0.0; 4]; 2]; TILE_ROWS];
            let acts = &acts[first * inputs..][..count * inputs];
            multiply_tile(weights, acts, count, kernel.is_relaxed(), &mut sums);
            for (r, sums) in sums.iter().enumerate().take(count) {
                let row = &mut out[(first + r) * outputs..][..outputs];
                self.epilogue.store(panel, sums.each_ref().map(F32x4::load), row);
            }
        }
    }
}

/// Reads one value of each cache line of a panel, so that many lines are fetched from memory at once. The
/// loop of a kernel alone keeps four or five fetches in flight, because a processor looks no further ahead,
/// and WebAssembly has no prefetch instruction. For int8 weights this was 10 to 14 % slower at 8 tokens.
#[inline(never)]
fn prefetch_panel(weights: &[PanelRow]) {
    let lines = weights.chunks(CACHE_LINE_BYTES / 32).map(|line| line[0].0[0].to_bits());
    std::hint::black_box(lines.fold(0u32, |sum, bits| sum.wrapping_add(bits)));
}

/// Computes `sums[row] = Σₖ acts[k][row] · weights[k]` for a tile of `rows` rows, at most 4, and a panel.
/// Both products of attention use this function too.
#[inline(always)]
pub(in crate::encoder::cpu::kernels) fn multiply_tile(
    weights: &[PanelRow],
    acts: &[f32],
    rows: usize,
    relaxed: bool,
    sums: &mut [[[f32; 4]; 2]; TILE_ROWS],
) {
    match (relaxed, rows) {
        (false, 4) => exact_tile::<4>(weights, acts, sums),
        (false, 3) => exact_tile::<3>(weights, acts, sums),
        (false, 2) => exact_tile::<2>(weights, acts, sums),
        (false, _) => exact_tile::<1>(weights, acts, sums),
        (true, 4) => relaxed_tile::<4>(weights, acts, sums),
        (true, 3) => relaxed_tile::<3>(weights, acts, sums),
        (true, 2) => relaxed_tile::<2>(weights, acts, sums),
        (true, _) => relaxed_tile::<1>(weights, acts, sums),
    }
}

/// Computes a tile with separate products and sums.
#[inline(never)]
fn exact_tile<const ROWS: usize>(weights: &[PanelRow], acts: &[f32], out: &mut [[[f32; 4]; 2]; TILE_ROWS]) {
    let mut sums = [[F32x4::zero(); 2]; ROWS];
    for (weights, acts) in weights.iter().zip(acts.as_chunks::<ROWS>().0) {
        let (weights, _) = weights.0.as_chunks::<4>();
        let weights = [F32x4::load(&weights[0]), F32x4::load(&weights[1])];
        for r in 0..ROWS {
            let act = F32x4::splat(acts[r]);
            for v in 0..2 {
                sums[r][v] = sums[r][v].add(act.mul(weights[v]));
            }
        }
    }
    for r in 0..ROWS {
        for v in 0..2 {
            sums[r][v].store(&mut out[r][v]);
        }
    }
}

/// Computes a tile with fused products and sums.
#[inline(never)]
#[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
fn relaxed_tile<const ROWS: usize>(weights: &[PanelRow], acts: &[f32], out: &mut [[[f32; 4]; 2]; TILE_ROWS]) {
    let mut sums = [[F32x4::zero(); 2]; ROWS];
    for (weights, acts) in weights.iter().zip(acts.as_chunks::<ROWS>().0) {
        let (weights, _) = weights.0.as_chunks::<4>();
        let weights = [F32x4::load(&weights[0]), F32x4::load(&weights[1])];
        for r in 0..ROWS {
            let act = F32x4::splat(acts[r]);
            for v in 0..2 {
                sums[r][v] = relaxed::mul_add(act, weights[v], sums[r][v]);
            }
        }
    }
    for r in 0..ROWS {
        for v in 0..2 {
            sums[r][v].store(&mut out[r][v]);
        }
    }
}
