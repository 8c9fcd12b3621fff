//! The layout that all kernels share: tiles of rows, panels of columns, and the aligned vectors that panels are
//! made of.

use std::ops::Range;

/// Rows of a tile: with eight columns, what fits 16 vector registers (ARCHITECTURE.md has the
/// other shapes' figures).
pub(in crate::encoder::cpu::kernels) const TILE_ROWS: usize = 4;

/// Columns of a panel: two adjacent vectors.
pub(in crate::encoder::cpu::kernels) const PANEL_COLUMNS: usize = 8;

/// The panels of `outputs` columns; the last may be filled up.
pub(super) fn panels(outputs: usize) -> Range<usize> {
    0..outputs.div_ceil(PANEL_COLUMNS)
}

/// Sixteen bytes that a vector load takes without crossing a cache line.
#[repr(C, align(16))]
#[derive(Debug, Clone, Copy)]
pub(super) struct AlignedI8x16(pub(super) [i8; 16]);

impl AlignedI8x16 {
    pub(super) const ZERO: Self = Self([0; 16]);
}

/// One input of eight outputs.
#[repr(C, align(16))]
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::encoder::cpu::kernels) struct PanelRow(
    pub(in crate::encoder::cpu::kernels) [f32; PANEL_COLUMNS],
);

impl PanelRow {
    pub(in crate::encoder::cpu::kernels) const ZERO: Self = Self([0.0; PANEL_COLUMNS]);
}
