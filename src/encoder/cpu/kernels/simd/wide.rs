//! The operations of kernels that are compiled for several instruction sets.
//!
//! [`choose`](super::choose) calls a [`Job`] with the token of the current instruction set. A token proves that the machine
//! has the instructions. The job calls [`Simd::vectorize`] with its inner loops, which are then compiled with
//! these instructions. Everything that an inner loop calls with these vectors has to be `inline(always)`. So
//! there are no closures in inner loops, and no `map` of arrays: they are functions without the instructions,
//! which the compiler may leave as calls.

/// Work that is compiled once per instruction set.
pub trait Job {
    /// The result.
    type Output;

    /// Does the work.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set: the token, and its vectors.
///
/// The products of a `Linear` use [`Sums`]: a pass computes two vectors of outputs per row, which are
/// [`PANELS`](Self::PANELS) panels of eight outputs.
pub trait Simd: Copy {
    /// Vectors of `f32`.
    type F32: Floats<Ints = Self::I32>;
    /// Vectors of `i32` with as many lanes.
    type I32: Ints<Floats = Self::F32>;
    /// Vectors of `i32` for sums of products, or of pairs of `i16`, or of quads of `i8`.
    type Sums: Sums;
    /// Sixteen `i16`.
    type I16: Wide16;
    /// Panels per pass: at most [`MAX_PANELS`].
    const PANELS: usize;
    /// True if [`dot_quads`](Self::dot_quads) is one instruction.
    const HAS_DOT_QUADS: bool;
    /// The least rows for which seven products of submatrices are faster than eight.
    const MIN_STRASSEN_ROWS: usize;

    /// Calls `job`, and compiles it with the instructions of this set.
    fn vectorize<J: Job>(self, job: J) -> J::Output;

    /// Returns `sums` plus the products of pairs of `i16`, with the two products of a lane added up.
    fn dot_pairs(self, sums: Self::Sums, a: Self::Sums, b: Self::Sums) -> Self::Sums;

    /// Returns `sums` plus pairs of `i16`, with the two of a lane added up.
    #[inline(always)]
    fn add_pairs(self, sums: Self::Sums, pairs: Self::Sums) -> Self::Sums {
        self.dot_pairs(sums, pairs, Self::Sums::splat(0x1_0001))
    }

    /// Returns `sums` plus the products of quads of `i8`, with the four products of a lane added up. The
    /// second operand is in 0..=127.
    fn dot_quads(self, sums: Self::Sums, signed: Self::Sums, small: Self::Sums) -> Self::Sums;

    /// Returns the products of quads of `i8`, with neighbors added up: pairs of `i16`. The second operand is in
    /// 0..=127.
    fn dot_i16(self, signed: Self::Sums, small: Self::Sums) -> Self::Sums;

    /// Adds pairs of `i16`.
    fn add_i16(self, a: Self::Sums, b: Self::Sums) -> Self::Sums;

    /// Returns `a · b + c`, rounded once or twice.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;

    /// Quantizes eight values of each of four rows: `round(x · inverse_scale)`, or 0 where `live` is 0.
    /// Returns the pairs of neighbors, for each pair the four rows; or with `QUADS` the pairs (0, 2) and (1, 3)
    /// of each four values.
    fn quantize_octets<const QUADS: bool>(
        self,
        rows: [&[f32; 8]; 4],
        inverse_scales: [f32; 4],
    ) -> [[i32; 4]; 4];
}

/// The most [`Simd::PANELS`] on this architecture.
pub const MAX_PANELS: usize = if cfg!(target_arch = "x86_64") {
    4
} else if cfg!(target_arch = "wasm32") {
    1
} else {
    2
};

/// Vectors of `f32`. `portable` defines the operations, lane by lane.
#[allow(missing_docs, reason = "`portable` documents the operations")]
pub trait Floats: Copy {
    type Ints: Ints<Floats = Self>;
    const LANES: usize;

    fn splat(value: f32) -> Self;
    /// Loads the first [`LANES`](Self::LANES) values.
    fn load(from: &[f32]) -> Self;
    /// Stores to the first [`LANES`](Self::LANES) values.
    fn store(self, to: &mut [f32]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    fn lt(self, other: Self) -> Self::Ints;
    fn round(self) -> Self::Ints;
    fn to_bits(self) -> Self::Ints;

    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.to_bits().and(Self::Ints::splat(i32::MAX)).to_float()
    }
}

/// Vectors of `i32`. `portable` defines the operations, lane by lane.
#[allow(missing_docs, reason = "`portable` documents the operations")]
pub trait Ints: Copy {
    type Floats: Floats<Ints = Self>;

    fn splat(value: i32) -> Self;
    /// Loads the first lanes.
    fn load(from: &[i32]) -> Self;
    /// Loads and widens the first lanes.
    fn load_i8(from: &[i8]) -> Self;
    /// Stores to the first lanes.
    fn store(self, to: &mut [i32]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn shl<const BITS: i32>(self) -> Self;
    fn gt(self, other: Self) -> Self;
    fn select(self, yes: Self::Floats, no: Self::Floats) -> Self::Floats;
    fn to_f32(self) -> Self::Floats;
    fn to_float(self) -> Self::Floats;
}

/// Vectors of sums of products.
pub trait Sums: Copy {
    /// The number of lanes.
    const LANES: usize;

    /// Returns a vector with `value` in every lane.
    fn splat(value: i32) -> Self;

    /// Loads the first [`LANES`](Self::LANES) values.
    fn load(from: &[i32]) -> Self;

    /// Stores to the first [`LANES`](Self::LANES) values.
    fn store(self, to: &mut [i32]);

    /// Adds the sums times `scale` to the first [`LANES`](Self::LANES) totals.
    fn add_scaled(self, scale: f32, totals: &mut [f32]);

    /// Adds the sums times the scale of each lane to the first [`LANES`](Self::LANES) totals.
    fn add_products(self, scales: &[f32], totals: &mut [f32]);

    /// Adds the sums times the scale of each lane, which is multiplied by `scale` first, to the first
    /// [`LANES`](Self::LANES) totals.
    fn add_scaled_products(self, scales: &[f32], scale: f32, totals: &mut [f32]);
}

/// Loads the first two vectors.
#[inline(always)]
pub fn load_two<V: Sums>(from: &[i32]) -> [V; 2] {
    [V::load(from), V::load(&from[V::LANES..])]
}

/// Sixteen `i16`: a pair of inputs of eight outputs.
pub trait Wide16: Copy {
    /// Widens sixteen bytes.
    fn widen(from: &[i8; 16]) -> Self;

    /// Returns `self + other`, wrapping.
    fn add(self, other: Self) -> Self;

    /// Returns `self - other`, wrapping.
    fn sub(self, other: Self) -> Self;

    /// Stores the pairs.
    fn store(self, to: &mut [i32; 8]);
}
