//! The texts and the numbers of known results.

use super::super::device::GpuDevice;
use super::super::inputs::{BatchInputs, TokenRows};
use crate::batch::Batch;
use crate::error::Result;

/// The numbers of rows: fewer than a tile, a tile, and several tiles with a rest.
pub(super) const ROWS: [usize; 5] = [1, 8, 17, 64, 300];
pub(super) const MOST_ROWS: usize = 300;
/// The lengths of the texts, again and again until the rows of a case are full.
pub(super) const LENGTHS: [usize; 5] = [1, 8, 17, 64, 130];
pub(super) const WORDS: usize = 29;

/// The texts of one number of rows.
pub(super) struct Case {
    pub(super) batch: Batch,
    pub(super) inputs: BatchInputs,
    /// The first row of each text, and the number of rows.
    pub(super) starts: Vec<usize>,
}

/// Returns a number of −1..1 with 12 bits.
fn number(i: usize) -> f32 {
    ((i as u32).wrapping_mul(0x9e37_79b1) >> 20) as f32 / 2048.0 - 1.0
}

/// Returns numbers. Each `seed` has others.
pub(super) fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| number(seed * 100_003 + i)).collect()
}

/// Returns the gamma and the beta of a LayerNorm.
pub(super) fn norm(width: usize) -> [Vec<f32>; 2] {
    [numbers(width, 8).into_iter().map(|x| 1.0 + x / 2.0).collect(), numbers(width, 9)]
}

impl Case {
    /// Makes texts of `rows` tokens.
    pub(super) fn new(
        gpu: &GpuDevice,
        rows: usize,
        token_rows: TokenRows,
        attention: &[(usize, bool)],
    ) -> Result<Self> {
        let ids: Vec<u32> = (0..rows).map(|i| (i * 11 % WORDS) as u32).collect();
        let types: Vec<u32> = (0..rows).map(|i| (i / 3 % 2) as u32).collect();
        let mut starts = vec![0];
        for length in LENGTHS.iter().cycle() {
            let start = starts.last().copied().unwrap_or(rows);
            if start >= rows {
                break;
            }
            starts.push(rows.min(start + length));
        }
        let texts = starts.windows(2).map(|ends| (&ids[ends[0]..ends[1]], &types[ends[0]..ends[1]]));
        let batch = Batch::new(texts);
        let mut inputs = BatchInputs::default();
        inputs.upload(gpu, &batch, token_rows, attention)?;
        Ok(Self { batch, inputs, starts })
    }
}
