//! 4-bit weights from MatMulNBits' layout into panels, a chunk at a time.

use super::i4::{BLOCK_VECTORS, LinearI4};
use super::kernel::Kernel;
use super::layout::{AlignedI8x16, PANEL_COLUMNS, panels};
use super::packed_linear::Linear;
use super::quantize::{BLOCK_I4, BlockI4};
use crate::encoder::spec::LinearSpec;

/// Bytes of a block in the file.
const FILE_BLOCK: usize = BLOCK_I4 / 2;

/// A `Linear` with 4-bit weights in blocks of 32 while its weights arrive.
///
/// The file's order: for each output, for each block of inputs (the last may be short, and is
/// filled up), 16 bytes, the low half of a byte first. Scales and zero points are each output's
/// blocks as well.
#[derive(Debug)]
pub struct PackI4 {
    linear: LinearI4,
    blocks: usize,
}

impl PackI4 {
    /// No weight is there yet: all are zero, scales too, and all zero points 8. `bias` is
    /// `[outputs]` or empty.
    ///
    /// # Panics
    /// If `bias` has another length.
    pub fn new(spec: LinearSpec, kernel: Kernel, bias: Vec<f32>) -> Self {
        assert!(bias.is_empty() || bias.len() == spec.outputs, "a bias an output");
        let blocks = spec.inputs.div_ceil(BLOCK_I4);
        Self { linear: LinearI4::empty(spec, kernel, bias), blocks }
    }

    /// Bytes that the whole weight has in the file.
    pub fn file_bytes(&self) -> usize {
        self.linear.spec().outputs * self.blocks * FILE_BLOCK
    }

    /// Puts packed weights, which begin at byte `first` of the whole.
    ///
    /// # Panics
    /// If they reach beyond the weight.
    pub fn put(&mut self, first: usize, bytes: &[u8]) {
        assert!(first + bytes.len() <= self.file_bytes(), "values beyond the weight");
        let LinearSpec { inputs, .. } = *self.linear.spec();
        let (mut first, mut bytes) = (first, bytes);
        // Whole blocks at once, as a file's weights come: ten times as fast as number by number.
        while let (0, Some(block)) = (first % FILE_BLOCK, bytes.first_chunk::<FILE_BLOCK>()) {
            let at = first / FILE_BLOCK;
            let (n, b) = (at / self.blocks, at % self.blocks);
            if (b + 1) * BLOCK_I4 > inputs {
                break;
            }
            put_file_block(self.block(n, b), n % PANEL_COLUMNS, block);
            (first, bytes) = (first + FILE_BLOCK, &bytes[FILE_BLOCK..]);
        }
        for (at, byte) in (first..).zip(bytes) {
            let (block, k) = (at / FILE_BLOCK, at % FILE_BLOCK * 2);
            let (n, b) = (block / self.blocks, block % self.blocks);
            for (k, nibble) in [(k, byte & 15), (k + 1, byte >> 4)] {
                // Whatever fills up the last block must count for nothing.
                if b * BLOCK_I4 + k < inputs {
                    put_nibble(self.block(n, b), n % PANEL_COLUMNS, k, nibble);
                }
            }
        }
    }

    /// Puts scales, which begin at value `first` of `[outputs, blocks]`.
    ///
    /// # Panics
    /// If they reach beyond them.
    pub fn put_scales(&mut self, first: usize, scales: impl IntoIterator<Item = f32>) {
        for (at, scale) in (first..).zip(scales) {
            let (n, b) = (at / self.blocks, at % self.blocks);
            assert!(n < self.linear.spec().outputs, "scales beyond the weight");
            self.linear.scales[n / PANEL_COLUMNS * self.blocks + b][n % PANEL_COLUMNS] = scale;
        }
    }

    /// Puts zero points, one a byte, 0..=15, which begin at value `first` of `[outputs, blocks]`.
    ///
    /// # Panics
    /// If they reach beyond them.
    pub fn put_zeros(&mut self, first: usize, zeros: impl IntoIterator<Item = u8>) {
        for (at, zero) in (first..).zip(zeros) {
            let (n, b) = (at / self.blocks, at % self.blocks);
            assert!(n < self.linear.spec().outputs, "zero points beyond the weight");
            let lane = &mut self.linear.zeros[n / PANEL_COLUMNS * self.blocks + b][n % 4];
            let shift = n % PANEL_COLUMNS / 4 * 4;
            *lane = (*lane as u8 & !(15 << shift) | (zero & 15) << shift) as i8;
        }
    }

    /// Puts one block that [`quantize_block_i4`](super::quantize::quantize_block_i4) made.
    ///
    /// # Panics
    /// If there is no such block.
    pub fn put_block(&mut self, output: usize, block: usize, weights: &BlockI4) {
        let at = output * self.blocks + block;
        self.put(at * FILE_BLOCK, &weights.q);
        self.put_scales(at, [weights.scale]);
        self.put_zeros(at, [weights.zero]);
    }

    fn block(&mut self, n: usize, b: usize) -> &mut [AlignedI8x16] {
        let at = (n / PANEL_COLUMNS * self.blocks + b) * BLOCK_VECTORS;
        &mut self.linear.weights[at..at + BLOCK_VECTORS]
    }

    /// The `Linear`, when all weights are put.
    pub fn finish(self) -> Linear {
        Linear::I4(self.linear)
    }
}

/// A weight of a block: quads of inputs, a vector each; outputs 0 to 3 in the low halves of its
/// bytes, 4 to 7 in the high ones.
fn put_nibble(block: &mut [AlignedI8x16], output: usize, input: usize, nibble: u8) {
    let byte = &mut block[input / 4].0[output % 4 * 4 + input % 4];
    let shift = output / 4 * 4;
    *byte = (*byte as u8 & !(15 << shift) | nibble << shift) as i8;
}

/// All weights of a block that one output has.
fn put_file_block(block: &mut [AlignedI8x16], output: usize, file: &[u8; FILE_BLOCK]) {
    let shift = output / 4 * 4;
    for (vector, pair) in block.iter_mut().zip(file.as_chunks::<2>().0) {
        let nibbles = [pair[0] & 15, pair[0] >> 4, pair[1] & 15, pair[1] >> 4];
        for (byte, nibble) in vector.0[output % 4 * 4..].iter_mut().zip(nibbles) {
            *byte = (*byte as u8 & !(15 << shift) | nibble << shift) as i8;
        }
    }
}

impl LinearI4 {
    fn empty(spec: LinearSpec, kernel: Kernel, bias: Vec<f32>) -> Self {
        let blocks = panels(spec.outputs).end * spec.inputs.div_ceil(BLOCK_I4);
        Self::new(
            spec,
            kernel,
            vec![AlignedI8x16::ZERO; blocks * BLOCK_VECTORS],
            vec![[0.0; PANEL_COLUMNS]; blocks],
            vec![[0x88u8 as i8; 4]; blocks],
            bias,
        )
    }
}
