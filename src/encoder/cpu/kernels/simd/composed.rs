//! The operations that every back end composes of its own ones.

/// Lanes of `F32x4` and `I32x4`.
pub const LANES: usize = 4;

/// Implements, for the types of the module that calls it, the operations that are compositions of others.
macro_rules! composed_operations {
    () => {
        impl F32x4 {
            /// Returns zeros.
            #[inline(always)]
            pub fn zero() -> Self {
                Self::splat(0.0)
            }

            /// Returns the sum of the lanes in a fixed order: `(0 + 2) + (1 + 3)`.
            #[inline(always)]
            pub fn sum(self) -> f32 {
                let [a, b, c, d] = self.to_array();
                (a + c) + (b + d)
            }

            /// Returns the largest lane. A NaN may or may not be returned.
            #[inline(always)]
            pub fn largest(self) -> f32 {
                let [a, b, c, d] = self.to_array();
                let (x, y) = (if a < c { c } else { a }, if b < d { d } else { b });
                if x < y { y } else { x }
            }

            /// Loads at most four values. The other lanes are `fill`.
            #[inline(always)]
            pub fn load_part(part: &[f32], fill: f32) -> Self {
                let mut lanes = [fill; 4];
                lanes[..part.len()].copy_from_slice(part);
                Self::load(&lanes)
            }

            /// Stores the first `part.len()` lanes, at most four.
            #[inline(always)]
            pub fn store_part(self, part: &mut [f32]) {
                part.copy_from_slice(&self.to_array()[..part.len()]);
            }

            /// Returns the lanes.
            #[inline(always)]
            pub fn to_array(self) -> [f32; 4] {
                let mut lanes = [0.0; 4];
                self.store(&mut lanes);
                lanes
            }

            /// Returns the magnitudes.
            #[inline(always)]
            pub fn abs(self) -> Self {
                self.to_bits().and(I32x4::splat(i32::MAX)).to_float()
            }
        }

        impl I32x4 {
            /// Returns zeros.
            #[inline(always)]
            pub fn zero() -> Self {
                Self::splat(0)
            }

            /// Returns the lanes.
            #[inline(always)]
            pub fn to_array(self) -> [i32; 4] {
                let mut lanes = [0; 4];
                self.store(&mut lanes);
                lanes
            }
        }
    };
}
pub(super) use composed_operations;
