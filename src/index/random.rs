//! Random numbers that are the same on every machine. The signs of the [rotation](super::vectors::rotation) are drawn
//! with them, so the generator is part of the catalog's format.

/// The generator SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Returns 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Returns a number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Returns `len` approximately normal numbers: each the sum of four uniform ones, exact in `f32`.
    pub(crate) fn normals(&mut self, len: usize) -> Vec<f32> {
        let normal = |bits: u64| (0..4).map(|i| (bits >> (16 * i)) as u16 as i32 - 0x8000).sum::<i32>();
        (0..len).map(|_| normal(self.next()) as f32 / 32768.0).collect()
    }
}
