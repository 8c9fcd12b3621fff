//! 4-bit weights in blocks of 32 inputs with a scale and a zero point each, computed from the
//! packed bits: no int8 copy is ever made.
//!
//! A block's products are summed in integers. The exact kernel takes activations of 15 bits (a
//! scale a row), the relaxed ones 8 bits (a scale a row and block), for which a weight's 4 bits
//! are the operand that must be 0..=127. The zero point costs one product more a block: its
//! weight is `−zero`, its activation the block's sum, which may need more than 16 bits and then
//! comes in two parts. Blocks are added up in `f32`.

use super::columns::{COLUMNS, Epilogue};
use super::drive::Rows;
use super::quantize::BLOCK_I4;
use super::rows::{self, TILE_ROWS, tiles};
use super::{Bytes, Kernel, blocks, touch};
use crate::encoder::cpu::scratch::Scratch;
use crate::encoder::cpu::simd::{F32x4, I8x16, I16x8, I32x4, relaxed};
use crate::encoder::ops::linear::LinearSpec;

/// Vectors of a block of a panel: one a quad of inputs.
pub(super) const BLOCK_VECTORS: usize = BLOCK_I4 / 4;

/// A `Linear` with 4-bit weights.
#[derive(Debug)]
pub struct LinearI4 {
    spec: LinearSpec,
    kernel: Kernel,
    /// For each panel of eight outputs, for each block, its quads (see `set` in `i4_pack`).
    pub(super) weights: Vec<Bytes>,
    /// For each panel, for each block.
    pub(super) scales: Vec<[f32; COLUMNS]>,
    /// The same; a byte has output `i`'s in its low half, `i + 4`'s in its high half.
    pub(super) zeros: Vec<[i8; 4]>,
    epilogue: Epilogue,
}

/// Eight outputs' weights.
#[derive(Clone, Copy)]
struct Panel<'a> {
    weights: &'a [[Bytes; BLOCK_VECTORS]],
    scales: &'a [[f32; COLUMNS]],
    zeros: &'a [[i8; 4]],
}

/// A block of them.
struct Block<'a> {
    weights: &'a [Bytes; BLOCK_VECTORS],
    scales: &'a [f32; COLUMNS],
    zeros: &'a [i8; 4],
}

impl<'a> Panel<'a> {
    #[inline(always)]
    fn blocks(self) -> impl Iterator<Item = Block<'a>> {
        let blocks = self.weights.iter().zip(self.scales).zip(self.zeros);
        blocks.map(|((weights, scales), zeros)| Block { weights, scales, zeros })
    }
}

type Totals = [[[f32; 4]; 2]; TILE_ROWS];

impl LinearI4 {
    pub(super) fn new(
        spec: LinearSpec,
        kernel: Kernel,
        weights: Vec<Bytes>,
        scales: Vec<[f32; COLUMNS]>,
        zeros: Vec<[i8; 4]>,
        bias: Vec<f32>,
    ) -> Self {
        Self { spec, kernel, weights, scales, zeros, epilogue: Epilogue::new(&spec, Vec::new(), bias) }
    }

    /// Its shape.
    pub fn spec(&self) -> &LinearSpec {
        &self.spec
    }

    /// Bytes of weights, scales, zero points and bias.
    pub fn bytes(&self) -> usize {
        let blocks = size_of_val(&self.scales[..]) + size_of_val(&self.zeros[..]);
        size_of_val(&self.weights[..]) + blocks + self.epilogue.bytes()
    }

    /// The kernel that it was packed for.
    pub(super) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// See [`Linear::forward_by`](super::Linear::forward_by).
    pub(super) fn forward_by(&self, kernel: Kernel, rows: Rows<'_>, scratch: &mut Scratch) {
        let inputs = self.spec.inputs;
        let pack = |x: &[f32], count, scratch: &mut Scratch| {
            if kernel.is_relaxed() {
                blocks::quantize_i8(x, count, inputs, scratch);
            } else {
                rows::quantize_quads(x, count, inputs, BLOCK_I4, scratch);
            }
        };
        let row_bytes = if kernel.is_relaxed() { inputs } else { 2 * inputs };
        rows.drive(&self.spec, row_bytes, scratch, pack, |panel, count, scratch, out| {
            self.panel(kernel, panel, count, scratch, out);
        });
    }

    /// Eight outputs of all rows of a block of rows.
    fn panel(&self, kernel: Kernel, panel: usize, rows: usize, scratch: &Scratch, out: &mut [f32]) {
        let blocks = self.spec.inputs.div_ceil(BLOCK_I4);
        touch(&self.weights[panel * blocks * BLOCK_VECTORS..][..blocks * BLOCK_VECTORS]);
        for (first, count) in tiles(rows) {
            let mut totals = Totals::default();
            match count {
                4 => self.tile::<4>(kernel, panel, first, scratch, &mut totals),
                3 => self.tile::<3>(kernel, panel, first, scratch, &mut totals),
                2 => self.tile::<2>(kernel, panel, first, scratch, &mut totals),
                _ => self.tile::<1>(kernel, panel, first, scratch, &mut totals),
            }
            for (r, totals) in totals.iter().enumerate().take(count) {
                let mut totals = totals.each_ref().map(F32x4::load);
                if !kernel.is_relaxed() {
                    totals = totals.map(|t| t.mul(F32x4::splat(scratch.scales[first + r])));
                }
                let row = &mut out[(first + r) * self.spec.outputs..][..self.spec.outputs];
                self.epilogue.finish_unscaled(panel, totals, row);
            }
        }
    }

    /// `ROWS` rows by eight columns.
    fn tile<const ROWS: usize>(
        &self,
        kernel: Kernel,
        panel: usize,
        first: usize,
        scratch: &Scratch,
        totals: &mut Totals,
    ) {
        let (quads, blocks) = (self.spec.inputs.div_ceil(4), self.spec.inputs.div_ceil(BLOCK_I4));
        let at = panel * blocks;
        let panel = Panel {
            weights: self.weights[at * BLOCK_VECTORS..][..blocks * BLOCK_VECTORS].as_chunks().0,
            scales: &self.scales[at..][..blocks],
            zeros: &self.zeros[at..][..blocks],
        };
        let (sums, _) = scratch.sums[first * blocks..][..ROWS * blocks].as_chunks();
        if kernel.is_relaxed() {
            let (acts, _) = scratch.packed[first * quads..][..ROWS * quads].as_chunks();
            let (scales, _) = scratch.scales[first * blocks..][..ROWS * blocks].as_chunks();
            if kernel == Kernel::RelaxedI32 {
                relaxed_tile::<ROWS, true>(panel, acts, sums, scales, totals);
            } else {
                relaxed_tile::<ROWS, false>(panel, acts, sums, scales, totals);
            }
        } else {
            let (acts, _) = scratch.packed[first * quads * 2..][..ROWS * quads * 2].as_chunks();
            exact_tile::<ROWS>(panel, acts.as_chunks().0, sums, totals);
        }
    }
}

/// Zero points of the outputs 0 to 3 and 4 to 7.
#[inline(always)]
fn zero_points(zeros: &[i8; 4]) -> [I32x4; 2] {
    let (both, nibble) = (I32x4::load_i8(zeros), I32x4::splat(15));
    [both.and(nibble), both.shr::<4>().and(nibble)]
}

/// The exact kernel. Each quad's activations are the pairs (0, 2) and (1, 3), as the nibbles of a
/// 16-bit lane lie. The totals are variables, which V8 puts on the stack while a block runs: a
/// call a block, with the totals in memory, is slower (34 for 37 GMAC/s).
#[inline(never)]
fn exact_tile<const ROWS: usize>(
    panel: Panel<'_>,
    acts: &[[[i32; ROWS]; 2]],
    sums: &[[i32; ROWS]],
    out: &mut Totals,
) {
    let nibble = I16x8::splat(15);
    for ((block, acts), sums) in panel.blocks().zip(acts.chunks(BLOCK_VECTORS)).zip(sums) {
        // The sum comes as its low 7 bits and the rest.
        let zeros = zero_points(block.zeros).map(|z| z.add(z.shl::<23>()).to_i16_pairs());
        let sums = sums.map(|sum| I32x4::splat(sum).to_i16_pairs());
        let mut products = sums.map(|sum| zeros.map(|zero| sum.dot(zero)));
        for (bytes, acts) in block.weights.iter().zip(acts) {
            let w = I8x16::load(&bytes.0).to_i16();
            let even = [w.and(nibble), w.shr_u::<4>().and(nibble)];
            let odd = [w.shr_u::<8>().and(nibble), w.shr_u::<12>()];
            for (weights, acts) in [even, odd].into_iter().zip(acts) {
                for r in 0..ROWS {
                    let act = I32x4::splat(acts[r]).to_i16_pairs();
                    for v in 0..2 {
                        products[r][v] = products[r][v].add(act.dot(weights[v]));
                    }
                }
            }
        }
        let scales = [0, 1].map(|v| F32x4::load(&block.scales.as_chunks().0[v]));
        let out = std::hint::black_box(&mut *out);
        for r in 0..ROWS {
            for v in 0..2 {
                let total = &mut out[r][v];
                F32x4::load(total).add(products[r][v].to_f32().mul(scales[v])).store(total);
            }
        }
    }
}

/// The relaxed kernels. All 32 products of a block and column fit `i16` lanes, four of them each:
/// 8 · 2 · 15 · 127 = 30480.
#[inline(never)]
#[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
fn relaxed_tile<const ROWS: usize, const I32: bool>(
    panel: Panel<'_>,
    acts: &[[i32; ROWS]],
    sums: &[[i32; ROWS]],
    act_scales: &[[f32; ROWS]],
    out: &mut Totals,
) {
    let (nibble, ones) = (I16x8::splat(0x0f0f), I16x8::splat(1));
    let notes = sums.iter().zip(act_scales);
    for ((block, acts), (sums, act_scales)) in panel.blocks().zip(acts.chunks(BLOCK_VECTORS)).zip(notes) {
        let zeros = zero_points(block.zeros).map(I32x4::to_i16_pairs);
        let sums = sums.map(|sum| I32x4::splat(sum).to_i16_pairs());
        let mut pairs = [[I16x8::splat(0); 2]; ROWS];
        let mut products = [[I32x4::zero(); 2]; ROWS];
        for (bytes, acts) in block.weights.iter().zip(acts) {
            let w = I8x16::load(&bytes.0).to_i16();
            let weights = [w.and(nibble).to_i8(), w.shr_u::<4>().and(nibble).to_i8()];
            for r in 0..ROWS {
                let act = I32x4::splat(acts[r]).to_i8();
                for v in 0..2 {
                    if I32 {
                        products[r][v] = relaxed::dot_add(act, weights[v], products[r][v]);
                    } else {
                        pairs[r][v] = pairs[r][v].add(relaxed::dot_i16(act, weights[v]));
                    }
                }
            }
        }
        let scales = [0, 1].map(|v| F32x4::load(&block.scales.as_chunks().0[v]));
        let out = std::hint::black_box(&mut *out);
        for r in 0..ROWS {
            let act_scale = F32x4::splat(act_scales[r]);
            for v in 0..2 {
                let product = if I32 { products[r][v] } else { pairs[r][v].dot(ones) };
                let sum = product.add(sums[r].dot(zeros[v]));
                let total = &mut out[r][v];
                F32x4::load(total).add(sum.to_f32().mul(scales[v].mul(act_scale))).store(total);
            }
        }
    }
}
