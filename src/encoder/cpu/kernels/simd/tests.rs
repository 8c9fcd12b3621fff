//! Compares the back end of this machine with the portable one, lane by lane, and checks the emulated relaxed
//! operations.

use super::{portable, relaxed};
use crate::encoder::cpu::kernels::testing::Random;
use std::array::from_fn;

/// Values that are special for rounding, signs or comparisons.
const FLOATS: [f32; 20] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1.5,
    2.5,
    -2.5,
    3.499_999_8,
    8_388_607.5,
    -16_777_215.0,
    1e-45,
    -1e-38,
    3.4e38,
    -3.4e38,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    1e9,
    -2.0e9,
];

fn float(random: &mut Random) -> f32 {
    match random.below(3) {
        0 => FLOATS[random.below(FLOATS.len())],
        1 => f32::from_bits(random.next() as u32),
        _ => random.normal() * 1000.0,
    }
}

fn same(a: [f32; 4], b: [f32; 4]) {
    for (x, y) in a.into_iter().zip(b) {
        assert!(x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan(), "{a:?} {b:?}");
    }
}

/// Evaluates an expression with the types of one back end, then of the other.
macro_rules! both {
    ($check:ident, $body:expr) => {{
        let ours = {
            #[allow(unused_imports, reason = "each back end uses its own part")]
            use super::{F32x4, I8x16, I16x8, I32x4};
            $body
        };
        let portable = {
            #[allow(unused_imports, reason = "each back end uses its own part")]
            use portable::{F32x4, I8x16, I16x8, I32x4};
            $body
        };
        $check!(ours, portable);
    }};
}
macro_rules! floats {
    ($a:expr, $b:expr) => {
        same($a.to_array(), $b.to_array())
    };
}
macro_rules! ints {
    ($a:expr, $b:expr) => {
        assert_eq!($a.to_array(), $b.to_array())
    };
}

#[test]
fn float_operations_equal_the_portable_ones() {
    let mut random = Random(1);
    for _ in 0..20_000 {
        let (x, y): ([f32; 4], [f32; 4]) = (from_fn(|_| float(&mut random)), from_fn(|_| float(&mut random)));
        both!(floats, F32x4::load(&x).add(F32x4::load(&y)));
        both!(floats, F32x4::load(&x).sub(F32x4::load(&y)));
        both!(floats, F32x4::load(&x).mul(F32x4::load(&y)));
        both!(floats, F32x4::load(&x).div(F32x4::load(&y)));
        both!(floats, F32x4::load(&x).min(F32x4::load(&y)));
        both!(floats, F32x4::load(&x).max(F32x4::load(&y)));
        both!(floats, F32x4::load(&x).sqrt());
        both!(floats, F32x4::load(&x).abs());
        both!(ints, F32x4::load(&x).lt(F32x4::load(&y)));
        both!(floats, F32x4::load(&x).lt(F32x4::load(&y)).select(F32x4::load(&x), F32x4::load(&y)));
        let small = x.map(|v| if v.abs() < 2e9 { v } else { 0.5 });
        both!(ints, F32x4::load(&small).round());
        both!(floats, F32x4::load_part(&x[..3], y[0]));
        assert!(F32x4_sum(small) == (small[0] + small[2]) + (small[1] + small[3]));
    }
}

#[allow(non_snake_case, reason = "named after the types")]
fn F32x4_sum(x: [f32; 4]) -> f32 {
    super::F32x4::load(&x).sum()
}

#[test]
fn integer_operations_equal_the_portable_ones() {
    let mut random = Random(2);
    for _ in 0..20_000 {
        let (x, y): ([i32; 4], [i32; 4]) =
            (from_fn(|_| random.next() as i32), from_fn(|_| random.next() as i32));
        let (z, w): ([i32; 4], [i32; 4]) = (x.map(|v| v % 70_000), y.map(|v| v % 70_000));
        both!(ints, I32x4::load(&x).add(I32x4::load(&y)));
        both!(ints, I32x4::load(&x).sub(I32x4::load(&y)));
        both!(ints, I32x4::load(&x).mul(I32x4::load(&y)));
        both!(ints, I32x4::load(&x).and(I32x4::load(&y)));
        both!(ints, I32x4::load(&x).or(I32x4::load(&y)));
        both!(ints, I32x4::load(&x).gt(I32x4::load(&y)));
        both!(ints, I32x4::load(&x).shl::<7>());
        both!(ints, I32x4::load(&x).shr::<7>());
        both!(floats, I32x4::load(&x).to_f32());
        both!(ints, I32x4::transpose([x, y, z, w].map(|v| I32x4::load(&v)))[0]);
        both!(ints, I32x4::transpose([x, y, z, w].map(|v| I32x4::load(&v)))[1]);
        both!(ints, I32x4::transpose([x, y, z, w].map(|v| I32x4::load(&v)))[2]);
        both!(ints, I32x4::transpose([x, y, z, w].map(|v| I32x4::load(&v)))[3]);
        both!(ints, I16x8::narrow(I32x4::load(&z), I32x4::load(&w)).to_i32());
        both!(ints, I32x4::load(&x).to_i16_pairs().dot(I32x4::load(&y).to_i16_pairs()));
        both!(ints, I32x4::load(&x).to_i16_pairs().add(I32x4::load(&y).to_i16_pairs()).to_i32());
        both!(ints, I32x4::load(&x).to_i16_pairs().sub(I32x4::load(&y).to_i16_pairs()).to_i32());
        both!(ints, I32x4::load(&x).to_i16_pairs().and(I32x4::load(&y).to_i16_pairs()).to_i32());
        both!(ints, I32x4::load(&x).to_i16_pairs().shr_u::<4>().to_i32());
        both!(ints, I32x4::load(&x).to_i16_pairs().swap_middle().to_i32());
        both!(ints, I8x16::narrow(I32x4::load(&z).to_i16_pairs(), I32x4::load(&w).to_i16_pairs()).to_i32());
        both!(ints, I32x4::load(&x).to_i8().low().to_i32());
        both!(ints, I32x4::load(&x).to_i8().high().to_i32());
        let bytes: [i8; 16] = from_fn(|i| (x[i / 4] >> (8 * (i % 4))) as i8);
        both!(ints, I8x16::load(&bytes).to_i16().to_i32());
        let (eight, four) = (bytes.first_chunk().unwrap(), bytes.first_chunk().unwrap());
        both!(ints, I16x8::load_i8(eight).to_i32());
        both!(ints, I32x4::load_i8(four));
        let words: [i16; 8] = from_fn(|i| (y[i / 2] >> (16 * (i % 2))) as i16);
        both!(ints, I16x8::load(&words).to_i8().to_i32());
        both!(ints, I32x4::load_i16(words.first_chunk().unwrap()));
    }
    both!(ints, I16x8::splat(i16::MIN).dot(I16x8::splat(i16::MIN)));
    both!(ints, I16x8::splat(-7).to_i32());
}

#[test]
fn emulated_relaxed_operations_are_exact_for_all_operands() {
    use super::{I8x16, I32x4};
    let ones = super::I16x8::splat(1);
    for signed in i8::MIN..=i8::MAX {
        for small in 0..=i8::MAX {
            let other = (signed as u8).wrapping_mul(31).wrapping_add(small as u8) as i8;
            let w: [i8; 16] = from_fn(|i| if i % 3 == 0 { signed } else { other });
            let a: [i8; 16] = from_fn(|i| if i % 5 == 0 { small } else { 127 - small });
            let expected: [i32; 4] =
                from_fn(|i| (4 * i..4 * i + 4).map(|k| i32::from(w[k]) * i32::from(a[k])).sum());
            let (w, a) = (I8x16::load(&w), I8x16::load(&a));
            assert_eq!(relaxed::dot_i16(w, a).dot(ones).to_array(), expected);
            assert_eq!(relaxed::dot_add(w, a, I32x4::splat(5)).to_array(), expected.map(|x| x + 5));
        }
    }
}
