//! Memory that kernels use while they run.

use super::linear::PanelRow;

/// Buffers that grow to the largest need seen and are never shrunk. One serves all ops of a
/// forward pass, one after the other; what it holds between two calls means nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Quantised activations, packed for a kernel: pairs of `i16` or quads of `i8`.
    pub(super) activations: Vec<i32>,
    /// Activations packed as they are, and attention's queries.
    pub(super) float_activations: Vec<f32>,
    /// Attention's keys.
    pub(super) keys: Vec<PanelRow>,
    /// Attention's values.
    pub(super) values: Vec<PanelRow>,
    /// Attention's scores.
    pub(super) scores: Vec<f32>,
    /// Of each row: the sums of the eight outputs at hand, so far.
    pub(super) float_sums: Vec<[[f32; 4]; 2]>,
    /// The same in integers.
    pub(super) integer_sums: Vec<[[i32; 4]; 2]>,
    /// Of each two tiles: sums and differences of their quarters.
    pub(super) strassen_factors: Vec<i32>,
    /// Of each two tiles: seven products.
    pub(super) strassen_products: Vec<[[i32; 4]; 2]>,
    /// Of each quantised row (or of each block of it): what one step is worth.
    pub(super) activation_scales: Vec<f32>,
    /// Of each quantised row (or of each block of it): the sum of its integers.
    pub(super) sums: Vec<i32>,
}

impl Scratch {
    /// Empty; the first forward pass fills it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        4 * (self.activations.capacity()
            + self.float_activations.capacity()
            + 8 * (self.keys.capacity() + self.values.capacity())
            + 8 * (self.float_sums.capacity()
                + self.integer_sums.capacity()
                + self.strassen_products.capacity())
            + self.strassen_factors.capacity()
            + self.scores.capacity()
            + self.activation_scales.capacity()
            + self.sums.capacity())
    }
}

/// The first `len` elements of `buffer`, which grows if it must.
pub(super) fn ensure_len<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    if buffer.len() < len {
        // Not `resize` alone: it would leave up to twice the need behind, for good.
        buffer.reserve_exact(len - buffer.len());
        buffer.resize(len, T::default());
    }
    &mut buffer[..len]
}
