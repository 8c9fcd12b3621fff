//! Seeded random numbers that can be read at any position: a run that resumes draws what it would have drawn.
//!
//! The generator is SplitMix64 (Steele, Lea and Flood, 2014) over a counter. `tests/python/make_train.py` has it too.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes the bits of a number.
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A sequence of random numbers.
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// Starts the sequence that belongs to a seed and to the `parts` of its purpose, such as an epoch.
    pub(super) fn new(seed: u64, parts: &[u64]) -> Self {
        Self { state: parts.iter().fold(mix(seed), |state, &part| mix(state ^ part)) }
    }

    fn next(&mut self) -> u64 {
        let number = mix(self.state);
        self.state = self.state.wrapping_add(GOLDEN);
        number
    }

    /// Returns a number below `count`.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }

    /// Returns a number from 0 to 1, without 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Returns a number of the normal distribution with mean 0 and deviation 1 (Box and Muller, 1958).
    pub(super) fn normal(&mut self) -> f32 {
        let (radius, angle) = ((-2.0 * (1.0 - self.unit()).ln()).sqrt(), std::f64::consts::TAU * self.unit());
        (radius * angle.cos()) as f32
    }

    /// Puts items in random order (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
