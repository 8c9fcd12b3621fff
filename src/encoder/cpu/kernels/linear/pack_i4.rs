//! Packs 4-bit weights from the layout of MatMulNBits into panels, chunk by chunk. A chunk is a part of the
//! file of any length, so a file need not be held whole while its weights are packed.

use super::epilogue::Epilogue;
use super::i4::{BLOCK_VECTORS, LinearI4, WeightsI4};
use super::kernel::Kernel;
use super::layout::{AlignedI8x16, PANEL_COLUMNS, panel_count};
use super::packed_linear::Linear;
use crate::encoder::quantize::int4::{BLOCK_I4, BlockI4, split_byte};
use crate::encoder::reserve;
use crate::encoder::spec::LinearSpec;
use crate::error::Result;

/// Bytes per block in a file.
const BLOCK_BYTES: usize = BLOCK_I4 / 2;

/// A `Linear` with 4-bit weights in blocks of 32 inputs, while its weights arrive.
///
/// Order in the file: for each output, for each block of inputs, 16 bytes, the low half of a byte first. The
/// last block of an output is padded. Scales and zero points are `[outputs, blocks]`.
#[derive(Debug)]
pub struct PackI4 {
    spec: LinearSpec,
    kernel: Kernel,
    weights: WeightsI4,
    epilogue: Epilogue,
    /// Blocks per output.
    blocks: usize,
}

impl PackI4 {
    /// Reserves the memory for all weights. They are 0 until they are put, and so are the scales; all zero
    /// points are 8. `bias` is `[outputs]` or empty.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    ///
    /// # Panics
    /// If `bias` has another length.
    pub fn new(spec: LinearSpec, kernel: Kernel, bias: Vec<f32>) -> Result<Self> {
        assert!(bias.is_empty() || bias.len() == spec.outputs, "bias is [outputs] or empty");
        let LinearSpec { inputs, outputs, .. } = spec;
        let blocks = inputs.div_ceil(BLOCK_I4);
        let what = format_args!("packed weights of {inputs} × {outputs}");
        let count = panel_count(outputs).saturating_mul(blocks);
        let weights = WeightsI4 {
            q: reserve::try_filled(count.saturating_mul(BLOCK_VECTORS), AlignedI8x16::ZERO, what)?,
            scales: reserve::try_filled(count, [0.0; PANEL_COLUMNS], what)?,
            zeros: reserve::try_filled(count, [0x88u8.cast_signed(); 4], what)?,
        };
        let epilogue = Epilogue::new(&spec, Vec::new(), bias)?;
        Ok(Self { spec, kernel, weights, epilogue, blocks })
    }

    /// Returns the bytes that the whole weight has in a file.
    pub fn file_bytes(&self) -> usize {
        self.spec.outputs * self.blocks * BLOCK_BYTES
    }

    /// Puts weights, which start at byte `first` of the whole weight.
    ///
    /// # Panics
    /// If they reach beyond the weight.
    pub fn put(&mut self, first: usize, bytes: &[u8]) {
        assert!(first + bytes.len() <= self.file_bytes(), "values beyond the weight");
        let inputs = self.spec.inputs;
        let (mut first, mut bytes) = (first, bytes);
        // Whole blocks are put at once, ten times as fast as single weights. Chunks consist of them, but for
        // their ends.
        while let (0, Some(block)) = (first % BLOCK_BYTES, bytes.first_chunk::<BLOCK_BYTES>()) {
            let at = first / BLOCK_BYTES;
            let (n, b) = (at / self.blocks, at % self.blocks);
            if (b + 1) * BLOCK_I4 > inputs {
                break;
            }
            put_file_block(self.block(n, b), n % PANEL_COLUMNS, block);
            (first, bytes) = (first + BLOCK_BYTES, &bytes[BLOCK_BYTES..]);
        }
        for (at, byte) in (first..).zip(bytes) {
            let (block, k) = (at / BLOCK_BYTES, at % BLOCK_BYTES * 2);
            let (n, b) = (block / self.blocks, block % self.blocks);
            for (k, nibble) in (k..).zip(split_byte(*byte)) {
                // The padding of the last block must not count.
                if b * BLOCK_I4 + k < inputs {
                    put_nibble(self.block(n, b), n % PANEL_COLUMNS, k, nibble);
                }
            }
        }
    }

    /// Puts scales, which start at value `first` of `[outputs, blocks]`.
    ///
    /// # Panics
    /// If they reach beyond the weight.
    pub fn put_scales(&mut self, first: usize, scales: impl IntoIterator<Item = f32>) {
        for (at, scale) in (first..).zip(scales) {
            let (n, b) = (at / self.blocks, at % self.blocks);
            assert!(n < self.spec.outputs, "scales beyond the weight");
            self.weights.scales[n / PANEL_COLUMNS * self.blocks + b][n % PANEL_COLUMNS] = scale;
        }
    }

    /// Puts zero points, 0..=15, one per byte, which start at value `first` of `[outputs, blocks]`.
    ///
    /// # Panics
    /// If they reach beyond the weight.
    pub fn put_zeros(&mut self, first: usize, zeros: impl IntoIterator<Item = u8>) {
        for (at, zero) in (first..).zip(zeros) {
            let (n, b) = (at / self.blocks, at % self.blocks);
            assert!(n < self.spec.outputs, "zero points beyond the weight");
            let lane = &mut self.weights.zeros[n / PANEL_COLUMNS * self.blocks + b][n % 4];
            let shift = n % PANEL_COLUMNS / 4 * 4;
            *lane = (*lane as u8 & !(15 << shift) | (zero & 15) << shift) as i8;
        }
    }

    /// Puts a block from [`quantize_block_i4`](crate::encoder::quantize::int4::quantize_block_i4).
    ///
    /// # Panics
    /// If there is no such block.
    pub fn put_block(&mut self, output: usize, block: usize, weights: &BlockI4) {
        let at = output * self.blocks + block;
        self.put(at * BLOCK_BYTES, &weights.q);
        self.put_scales(at, [weights.scale]);
        self.put_zeros(at, [weights.zero]);
    }

    /// Returns block `b` of the panel of output `n`.
    fn block(&mut self, n: usize, b: usize) -> &mut [AlignedI8x16] {
        let at = (n / PANEL_COLUMNS * self.blocks + b) * BLOCK_VECTORS;
        &mut self.weights.q[at..at + BLOCK_VECTORS]
    }

    /// Returns the `Linear`, after all weights were put.
    pub fn finish(self) -> Linear {
        let Self { spec, kernel, weights, epilogue, .. } = self;
        Linear::I4(LinearI4::new(spec, kernel, weights, epilogue))
    }
}

/// Puts one weight of a block. See [`WeightsI4`] for the layout.
fn put_nibble(block: &mut [AlignedI8x16], output: usize, input: usize, nibble: u8) {
    let byte = &mut block[input / 4].0[output % 4 * 4 + input % 4];
    let shift = output / 4 * 4;
    *byte = (*byte as u8 & !(15 << shift) | nibble << shift) as i8;
}

/// Puts the 32 weights of a block that belong to one output.
fn put_file_block(block: &mut [AlignedI8x16], output: usize, file: &[u8; BLOCK_BYTES]) {
    let shift = output / 4 * 4;
    for (vector, pair) in block.iter_mut().zip(file.as_chunks::<2>().0) {
        let nibbles = pair.map(split_byte);
        for (byte, nibble) in vector.0[output % 4 * 4..].iter_mut().zip(nibbles.as_flattened()) {
            *byte = (*byte as u8 & !(15 << shift) | nibble << shift) as i8;
        }
    }
}
