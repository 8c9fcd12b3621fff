//! Tiles of rows: how a block of rows is cut, and a kernel that is compiled once for each tile height.

use super::layout::TILE_ROWS;
use std::ops::Range;

/// The tiles of a block of `rows` rows: the first row of each, and how many it has. All have
/// [`TILE_ROWS`] but the last, whose rows are packed as tightly.
pub(super) fn tiles(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(TILE_ROWS).map(move |first| (first, TILE_ROWS.min(rows - first)))
}

/// A kernel for tiles of any height.
pub(super) trait TileKernel {
    /// Computes the tiles of `ROWS` rows that the rows `part` are.
    fn run<const ROWS: usize>(&mut self, part: Range<usize>);
}

/// Runs a kernel on `rows` rows: the whole tiles, then what is left.
pub(super) fn run_tiles(rows: usize, mut kernel: impl TileKernel) {
    let whole = rows / TILE_ROWS * TILE_ROWS;
    if whole > 0 {
        kernel.run::<TILE_ROWS>(0..whole);
    }
    match rows - whole {
        0 => {}
        1 => kernel.run::<1>(whole..rows),
        2 => kernel.run::<2>(whole..rows),
        _ => kernel.run::<3>(whole..rows),
    }
}
