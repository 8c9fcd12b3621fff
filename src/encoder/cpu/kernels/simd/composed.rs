//! What every back end has besides its own operations.

/// Lanes of [`F32x4`] and [`I32x4`].
pub const LANES: usize = 4;

/// Implements, for the types of the module that calls it, the operations that are compositions of others.
macro_rules! composed_operations {
    () => {
        impl F32x4 {
            /// All lanes zero.
            #[inline(always)]
            pub fn zero() -> Self {
                Self::splat(0.0)
            }

            /// The lanes' sum in a fixed order: `(0 + 2) + (1 + 3)`.
            #[inline(always)]
            pub fn sum(self) -> f32 {
                let [a, b, c, d] = self.to_array();
                (a + c) + (b + d)
            }

            /// The largest lane; a NaN lane may or may not be seen.
            #[inline(always)]
            pub fn largest(self) -> f32 {
                let [a, b, c, d] = self.to_array();
                let (x, y) = (if a < c { c } else { a }, if b < d { d } else { b });
                if x < y { y } else { x }
            }

            /// The first lanes from a slice of at most four, the others `fill`.
            #[inline(always)]
            pub fn load_part(part: &[f32], fill: f32) -> Self {
                let mut lanes = [fill; 4];
                lanes[..part.len()].copy_from_slice(part);
                Self::load(&lanes)
            }

            /// Writes the first `part.len()` lanes, at most four.
            #[inline(always)]
            pub fn store_part(self, part: &mut [f32]) {
                part.copy_from_slice(&self.to_array()[..part.len()]);
            }

            /// The lanes.
            #[inline(always)]
            pub fn to_array(self) -> [f32; 4] {
                let mut lanes = [0.0; 4];
                self.store(&mut lanes);
                lanes
            }

            /// The magnitude: the sign bit cleared.
            #[inline(always)]
            pub fn abs(self) -> Self {
                self.to_bits().and(I32x4::splat(i32::MAX)).to_float()
            }
        }

        impl I32x4 {
            /// All lanes zero.
            #[inline(always)]
            pub fn zero() -> Self {
                Self::splat(0)
            }

            /// The lanes.
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
