//! Memory that kernels use while they run.

use super::linear::PanelRow;

/// Buffers that grow to the largest need seen and never shrink. One `Scratch` serves all ops of a forward
/// pass, one after the other. Its contents between two calls have no meaning.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Quantized activations of a strip: pairs of `i16` or quads of `i8`.
    pub(super) activations: Vec<i32>,
    /// f32 activations of a strip, or the queries of a tile of attention.
    pub(super) float_activations: Vec<f32>,
    /// The rows of a tile times their input factors.
    pub(super) scaled_rows: Vec<f32>,
    /// The scale of each quantized row, or of each block of it.
    pub(super) activation_scales: Vec<f32>,
    /// The sum of the integers of each row.
    pub(super) row_sums: Vec<i32>,
    /// The negated sum of the integers of each block of each row.
    pub(super) block_sums: Vec<i32>,
    /// The negated zero point of each block of each row.
    pub(super) zero_points: Vec<i32>,
    /// For each row of a strip, the sums of the eight outputs of each panel of a pass.
    pub(super) float_sums: Vec<[f32; 8]>,
    /// For each row of a strip, the integer sums of the eight outputs of each panel of one or two passes.
    pub(super) integer_sums: Vec<[i32; 8]>,
    /// For each two tiles, the seven first factors of Strassen's products.
    pub(super) strassen_factors: Vec<i32>,
    /// For each two tiles, Strassen's seven products.
    pub(super) strassen_products: Vec<[i32; 8]>,
    /// The keys of one head.
    pub(super) keys: Vec<PanelRow>,
    /// The values of one head.
    pub(super) values: Vec<PanelRow>,
    /// The scores of a tile of queries.
    pub(super) scores: Vec<f32>,
}

impl Scratch {
    /// Returns empty buffers. The first forward pass fills them.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the bytes held.
    pub fn bytes(&self) -> usize {
        4 * (self.activations.capacity()
            + self.float_activations.capacity()
            + self.scaled_rows.capacity()
            + self.activation_scales.capacity()
            + self.row_sums.capacity()
            + self.block_sums.capacity()
            + self.zero_points.capacity()
            + self.strassen_factors.capacity()
            + self.scores.capacity()
            + 8 * (self.float_sums.capacity()
                + self.integer_sums.capacity()
                + self.strassen_products.capacity()
                + self.keys.capacity()
                + self.values.capacity()))
    }
}

/// Returns the first `len` elements of `buffer`, after growing it to `len` elements if it is shorter.
pub(super) fn ensure_len<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    if buffer.len() < len {
        // `resize` alone could allocate twice the memory that is needed, which is never freed.
        buffer.reserve_exact(len - buffer.len());
        buffer.resize(len, T::default());
    }
    &mut buffer[..len]
}
