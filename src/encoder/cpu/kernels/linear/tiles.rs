//! Tiles of rows. A kernel is compiled once for each tile height, 1 to 4 rows, so that its sums stay in
//! registers.

use super::layout::TILE_ROWS;
use std::ops::Range;

/// Iterates over the tiles of `rows` rows: the first row and the height of each. All tiles have [`TILE_ROWS`]
/// rows but the last. A shorter last tile is packed without gaps.
pub(super) fn tiles(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(TILE_ROWS).map(move |first| (first, TILE_ROWS.min(rows - first)))
}

/// A kernel for tiles of any height.
pub(super) trait TileKernel {
    /// Computes the rows `part`, which are whole tiles of `ROWS` rows.
    fn run<const ROWS: usize>(&mut self, part: Range<usize>);
}

/// Runs `kernel` on `rows` rows: first on all tiles of [`TILE_ROWS`] rows, then on the rest.
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
