//! Weights from a formula: the exports in `tests/fixtures/generated` are committed as graphs without weights.
//! `tests/fixtures/make/generated.py` describes the formula and `weights.json`, and is its Python implementation.

use std::path::Path;

use corom::model::manifest::sha256_hex;
use serde::Deserialize;

/// `weights.json`: how to generate a file of external data.
#[derive(Deserialize)]
struct Weights {
    file: String,
    bytes: usize,
    sha256: String,
    blocks: Vec<Block>,
}

/// A matrix `[rows, columns]` in the file. Its element (r, c) is element `r * steps[0] + c * steps[1]` of a parameter.
#[derive(Deserialize)]
struct Block {
    offset: usize,
    /// Elements from one row to the next in the file.
    stride: usize,
    shape: [u32; 2],
    steps: [u32; 2],
    seed: u32,
    scale: f32,
    center: f32,
}

/// Returns the name and the bytes of a folder's external data, if `weights.json` is in the folder.
///
/// # Panics
/// If the bytes are not those that the vectors in `golden.json` were computed with.
pub fn external_data(folder: &Path) -> Option<(String, Vec<u8>)> {
    let json = std::fs::read(folder.join("weights.json")).ok()?;
    let weights: Weights = serde_json::from_slice(&json).unwrap();
    let mut data = vec![0; weights.bytes];
    for block in &weights.blocks {
        let [rows, columns] = block.shape;
        for row in 0..rows {
            let start = block.offset + 4 * row as usize * block.stride;
            let values = data[start..][..4 * columns as usize].as_chunks_mut::<4>().0;
            for (column, bytes) in (0..columns).zip(values) {
                *bytes = block.element(row * block.steps[0] + column * block.steps[1]).to_le_bytes();
            }
        }
    }
    assert_eq!(sha256_hex(&data), weights.sha256, "{}: the generated weights differ", folder.display());
    Some((weights.file, data))
}

impl Block {
    /// Computes an element of the parameter.
    fn element(&self, index: u32) -> f32 {
        let h = mix(self.seed.wrapping_add(index.wrapping_mul(0x9e37_79b9)));
        let k = (h >> 8) as i32 - (1 << 23);
        k as f32 * (1.0 / 8_388_608.0) * self.scale + self.center
    }
}

/// Mixes the bits of a 32-bit integer ("lowbias32").
fn mix(mut h: u32) -> u32 {
    h ^= h >> 16;
    h = h.wrapping_mul(0x7feb_352d);
    h ^= h >> 15;
    h = h.wrapping_mul(0x846c_a68b);
    h ^ (h >> 16)
}
