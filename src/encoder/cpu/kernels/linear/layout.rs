//! The layout that all kernels share: tiles of rows, panels of outputs, and the aligned vectors that panels
//! are made of.

/// Rows per tile (MR). With two vectors of outputs this is the largest tile whose sums stay in registers: they
/// are eight of the sixteen vector registers of x86-64, which leaves room for two vectors of weights and a
/// factor.
pub(in crate::encoder::cpu::kernels) const TILE_ROWS: usize = 4;

/// Outputs per panel (NR): two vectors of four lanes, or one of eight, or half of one of sixteen.
pub(in crate::encoder::cpu::kernels) const PANEL_COLUMNS: usize = 8;

/// Returns the number of panels that `outputs` outputs fill. The last panel is padded with zeros.
pub(super) fn panel_count(outputs: usize) -> usize {
    outputs.div_ceil(PANEL_COLUMNS)
}

/// Sixteen integers of a panel, aligned so that a vector load does not cross a cache line.
#[repr(C, align(16))]
#[derive(Debug, Clone, Copy)]
pub(super) struct AlignedI8x16(pub(super) [i8; 16]);

impl AlignedI8x16 {
    pub(super) const ZERO: Self = Self([0; 16]);
}

/// One input of the eight outputs of an f32 panel, aligned as [`AlignedI8x16`].
#[repr(C, align(16))]
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::encoder::cpu::kernels) struct PanelRow(
    pub(in crate::encoder::cpu::kernels) [f32; PANEL_COLUMNS],
);

impl PanelRow {
    pub(in crate::encoder::cpu::kernels) const ZERO: Self = Self([0.0; PANEL_COLUMNS]);
}
