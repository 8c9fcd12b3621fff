//! Compares the products of an instruction set with plain arithmetic before the kernels use it: a processor, an
//! emulator or a compiler that gives other sums must not give wrong vectors. Takes a few microseconds, once.

use super::wide::{Job, Simd, Sums};

/// At least the lanes of every set.
const MAX_LANES: usize = 16;

/// Returns true if the products and sums of a set are right.
pub fn passes<S: Simd>(simd: S) -> bool {
    simd.vectorize(Products)
}

/// Compares each operation on operands with the extremes of their ranges.
struct Products;

impl Job for Products {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> bool {
        (0..16).all(|round| products_are_right(simd, round)) && scaled_sums_are_right::<S::Sums>()
    }
}

#[inline(always)]
fn products_are_right<S: Simd>(simd: S, round: u32) -> bool {
    let words = |seed: u32| -> [[i16; 2]; MAX_LANES] {
        // Sums of two products of 13-bit and 8-bit numbers, as the exact kernel has them, and the extremes.
        let value = |i: u32| match mix(seed, i) {
            n if n.is_multiple_of(7) => i16::MIN + 1,
            n if n.is_multiple_of(5) => i16::MAX,
            n => (n >> 16) as i16,
        };
        std::array::from_fn(|lane| [value(2 * lane as u32), value(2 * lane as u32 + 1)])
    };
    let bytes = |seed: u32, low: i8| -> [[i8; 4]; MAX_LANES] {
        let value = |i: u32| match mix(seed, i) {
            n if n.is_multiple_of(5) => i8::MAX,
            n if n.is_multiple_of(3) => low,
            n => ((n >> 24) as i8).max(low),
        };
        std::array::from_fn(|lane| std::array::from_fn(|i| value((4 * lane + i) as u32)))
    };
    let start: [i32; MAX_LANES] = std::array::from_fn(|lane| mix(round + 5, lane as u32) as i32 >> 4);

    let (a, b) = (words(4 * round), words(4 * round + 1));
    let (signed, small) = (bytes(4 * round + 2, i8::MIN), bytes(4 * round + 3, 0));
    let pair = |lane: usize| -> i32 { (0..2).map(|i| i32::from(a[lane][i]) * i32::from(b[lane][i])).sum() };
    let product = |lane: usize, i: usize| i32::from(signed[lane][i]) * i32::from(small[lane][i]);
    let half = |lane: usize, i: usize| (product(lane, 2 * i) + product(lane, 2 * i + 1)) as i16;
    let sum = |lane: usize, i: usize| a[lane][i].wrapping_add(b[lane][i]);

    let of_words = |x: [[i16; 2]; MAX_LANES]| S::Sums::load(&x.map(pair_of_words));
    let of_bytes = |x: [[i8; 4]; MAX_LANES]| S::Sums::load(&x.map(quad_of_bytes));
    let (a, b, signed, small) = (of_words(a), of_words(b), of_bytes(signed), of_bytes(small));
    let sums = S::Sums::load(&start);
    equal(simd.dot_pairs(sums, a, b), |lane| start[lane].wrapping_add(pair(lane)))
        && equal(simd.dot_quads(sums, signed, small), |lane| {
            (0..4).fold(start[lane], |sum, i| sum.wrapping_add(product(lane, i)))
        })
        && equal(simd.dot_i16(signed, small), |lane| pair_of_words([half(lane, 0), half(lane, 1)]))
        && equal(simd.add_i16(a, b), |lane| pair_of_words([sum(lane, 0), sum(lane, 1)]))
}

#[inline(always)]
fn scaled_sums_are_right<V: Sums>() -> bool {
    let sums: [i32; MAX_LANES] = std::array::from_fn(|lane| mix(1, lane as u32) as i32 >> (lane % 24));
    let totals: [f32; MAX_LANES] = std::array::from_fn(|lane| mix(2, lane as u32) as f32 * 1e-3);
    let scales: [f32; MAX_LANES] = std::array::from_fn(|lane| 1.0 / (3.0 + lane as f32));
    let scale = 0.007;
    let vector = V::load(&sums);
    let check = |add: &dyn Fn(&mut [f32]), factor: &dyn Fn(usize) -> f32| {
        let mut out = totals;
        add(&mut out);
        (0..V::LANES).all(|lane| out[lane] == totals[lane] + sums[lane] as f32 * factor(lane))
            && out[V::LANES..] == totals[V::LANES..]
    };
    check(&|out| vector.add_scaled(scale, out), &|_| scale)
        && check(&|out| vector.add_products(&scales, out), &|lane| scales[lane])
        && check(&|out| vector.add_scaled_products(&scales, scale, out), &|lane| scales[lane] * scale)
        && equal(V::splat(-9), |_| -9)
}

#[inline(always)]
fn equal<V: Sums>(vector: V, expected: impl Fn(usize) -> i32) -> bool {
    let mut got = [0; MAX_LANES];
    vector.store(&mut got);
    (0..V::LANES).all(|lane| got[lane] == expected(lane))
}

fn pair_of_words(words: [i16; 2]) -> i32 {
    i32::from(words[0] as u16) | i32::from(words[1]) << 16
}

fn quad_of_bytes(bytes: [i8; 4]) -> i32 {
    i32::from_le_bytes(bytes.map(|byte| byte as u8))
}

/// Returns a number that looks random (the finalizer of MurmurHash3, in the public domain).
fn mix(seed: u32, i: u32) -> u32 {
    let mut n = (seed.wrapping_mul(0x9e37_79b9)).wrapping_add(i.wrapping_mul(0x85eb_ca6b)).wrapping_add(1);
    n = (n ^ n >> 16).wrapping_mul(0x85eb_ca6b);
    n = (n ^ n >> 13).wrapping_mul(0xc2b2_ae35);
    n ^ n >> 16
}

#[cfg(test)]
mod tests {
    use super::super::base::Base;
    use super::*;

    /// The base set with one wrong operation.
    #[derive(Clone, Copy)]
    struct Faulty(Fault);

    #[derive(Clone, Copy, PartialEq)]
    enum Fault {
        None,
        DotPairs,
        DotQuads,
        DotI16,
        AddI16,
    }

    type Vector = <Base as Simd>::Sums;

    impl Faulty {
        /// Returns `right`, or with `fault` a vector whose last lane is one more.
        fn unless(self, fault: Fault, right: Vector) -> Vector {
            let mut lanes = [0; MAX_LANES];
            Sums::store(right, &mut lanes);
            lanes[<Vector as Sums>::LANES - 1] += i32::from(self.0 == fault);
            <Vector as Sums>::load(&lanes)
        }
    }

    impl Simd for Faulty {
        type F32 = <Base as Simd>::F32;
        type I32 = <Base as Simd>::I32;
        type Sums = Vector;
        type I16 = <Base as Simd>::I16;
        const PANELS: usize = Base::PANELS;
        const HAS_DOT_QUADS: bool = Base::HAS_DOT_QUADS;
        const MIN_STRASSEN_ROWS: usize = Base::MIN_STRASSEN_ROWS;

        fn vectorize<J: Job>(self, job: J) -> J::Output {
            job.run(self)
        }
        fn dot_pairs(self, sums: Vector, a: Vector, b: Vector) -> Vector {
            self.unless(Fault::DotPairs, Base.dot_pairs(sums, a, b))
        }
        fn dot_quads(self, sums: Vector, signed: Vector, small: Vector) -> Vector {
            self.unless(Fault::DotQuads, Base.dot_quads(sums, signed, small))
        }
        fn dot_i16(self, signed: Vector, small: Vector) -> Vector {
            self.unless(Fault::DotI16, Base.dot_i16(signed, small))
        }
        fn add_i16(self, a: Vector, b: Vector) -> Vector {
            self.unless(Fault::AddI16, Base.add_i16(a, b))
        }
        fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
            Base.mul_add(a, b, c)
        }
        fn quantize_octets<const QUADS: bool>(
            self,
            rows: [&[f32; 8]; 4],
            inverse_scales: [f32; 4],
        ) -> [[i32; 4]; 4] {
            Base.quantize_octets::<QUADS>(rows, inverse_scales)
        }
    }

    #[test]
    fn a_set_with_one_wrong_operation_fails() {
        assert!(passes(Faulty(Fault::None)));
        for fault in [Fault::DotPairs, Fault::DotQuads, Fault::DotI16, Fault::AddI16] {
            assert!(!passes(Faulty(fault)));
        }
    }
}
