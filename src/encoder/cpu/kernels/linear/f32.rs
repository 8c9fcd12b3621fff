//! f32 weights: exact mode. Plain multiply and add in a fixed order, or relaxed SIMD's fused one.

use super::blocked_loop::LinearIo;
use super::epilogue::{Epilogue, PANEL_COLUMNS, panels};
use super::pack_activations::{self, TILE_ROWS, tiles};
use super::pack_i8::for_each_run;
use super::{Kernel, prefetch_panel};
use crate::encoder::cpu::kernels::scratch::{Scratch, ensure_len};
use crate::encoder::cpu::kernels::simd::{F32x4, relaxed};
use crate::encoder::spec::{LinearSpec, WeightOrder};

/// One input of eight outputs.
#[repr(C, align(16))]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PanelRow(pub(crate) [f32; PANEL_COLUMNS]);

impl PanelRow {
    pub(crate) const ZERO: Self = Self([0.0; PANEL_COLUMNS]);
}

/// A `Linear` with f32 weights while its weights arrive.
#[derive(Debug)]
pub struct PackF32 {
    spec: LinearSpec,
    kernel: Kernel,
    weights: Vec<PanelRow>,
    bias: Vec<f32>,
}

impl PackF32 {
    /// No weight is there yet: all are zero. `bias` is `[outputs]` or empty.
    ///
    /// # Panics
    /// If `bias` has another length.
    pub fn new(spec: LinearSpec, kernel: Kernel, bias: Vec<f32>) -> Self {
        assert!(bias.is_empty() || bias.len() == spec.outputs, "a bias an output");
        Self { spec, kernel, weights: vec![PanelRow::ZERO; panels(spec.outputs).end * spec.inputs], bias }
    }

    /// Puts `values`, which begin at value `first` of the whole weight in `order`.
    ///
    /// # Panics
    /// If they reach beyond the weight.
    pub fn put(&mut self, order: WeightOrder, first: usize, values: &[f32]) {
        let (weights, inputs) = (&mut self.weights, self.spec.inputs);
        for_each_run(&self.spec, order, first, values.len(), |n, k, run| {
            for (i, value) in values[run].iter().enumerate() {
                let (n, k) = match order {
                    WeightOrder::OutIn => (n, k + i),
                    WeightOrder::InOut => (n + i, k),
                };
                weights[n / PANEL_COLUMNS * inputs + k].0[n % PANEL_COLUMNS] = *value;
            }
        });
    }

    /// The `Linear`, when all weights are put.
    pub fn finish(self) -> super::Linear {
        let Self { spec, kernel, weights, bias } = self;
        let epilogue = Epilogue::new(&spec, Vec::new(), bias);
        super::Linear::F32(LinearF32 { spec, kernel, weights, epilogue })
    }
}

/// A `Linear` with f32 weights.
#[derive(Debug)]
pub struct LinearF32 {
    spec: LinearSpec,
    kernel: Kernel,
    /// For each panel of eight outputs, for each input.
    weights: Vec<PanelRow>,
    epilogue: Epilogue,
}

impl LinearF32 {
    /// Its shape.
    pub fn spec(&self) -> &LinearSpec {
        &self.spec
    }

    /// Bytes of weights and bias.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.weights[..]) + self.epilogue.bytes()
    }

    /// The kernel that it was packed for.
    pub(super) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// See [`Linear::forward_with`](super::Linear::forward_with).
    pub(super) fn forward_with(&self, kernel: Kernel, io: LinearIo<'_>, scratch: &mut Scratch) {
        let inputs = self.spec.inputs;
        let pack = |x: &[f32], count, scratch: &mut Scratch| {
            pack_activations::pack_floats(
                x,
                count,
                inputs,
                ensure_len(&mut scratch.float_activations, count * inputs),
            );
        };
        io.for_each_group(&self.spec, 4 * inputs, scratch, pack, |panels, count, scratch, out| {
            for panel in panels {
                self.panel(kernel, panel, count, &scratch.float_activations, out);
            }
        });
    }

    /// PanelRow outputs of all rows of a block of rows.
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

/// `sums[row] = Σ acts[·][row] · weights[·]` for a tile of `rows` ≤ 4 rows, interleaved, and
/// eight columns. Attention's two products are this as well.
#[inline(always)]
pub(crate) fn multiply_tile(
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

/// The plain kernel.
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

/// The same with relaxed SIMD's multiply-add.
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
