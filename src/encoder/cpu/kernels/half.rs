//! IEEE half precision, as bits: weights come in it, nothing is computed in it.

/// The value of a half float's bits: exact.
#[inline]
pub fn to_f32(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = u32::from(half & 0x7fff);
    let bits = if magnitude >= 0x7c00 {
        // Infinity and NaN: all exponent bits set, and a NaN stays one.
        0x7f80_0000 | (magnitude & 0x3ff) << 13
    } else {
        // As if it were a float with a bias of 15, then times 2¹¹²: right for denormals too.
        (f32::from_bits(magnitude << 13) * f32::from_bits((127 + 112) << 23)).to_bits()
    };
    f32::from_bits(sign | bits)
}

/// The nearest half float's bits, ties to even; too large becomes infinity.
#[inline]
pub fn from_f32(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    let half = if magnitude > 0x7f80_0000 {
        0x7e00 // NaN
    } else if magnitude >= 0x477f_f000 {
        0x7c00 // 65520 and above round to infinity
    } else if magnitude < 0x3880_0000 {
        // Denormal half: adding 0.5 leaves multiples of 2⁻²⁴ in the low bits, rounded to even.
        (f32::from_bits(magnitude) + 0.5).to_bits() - 0.5f32.to_bits()
    } else {
        // Half of the last place, less one where the last place is even; then the other bias.
        (magnitude + 0xfff + (magnitude >> 13 & 1) - (112 << 23)) >> 13
    };
    sign | half as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_survives_the_round_trip() {
        for half in 0..=u16::MAX {
            let value = to_f32(half);
            if value.is_nan() {
                assert!(half & 0x7c00 == 0x7c00 && half & 0x3ff != 0);
                assert!(to_f32(from_f32(value)).is_nan());
            } else {
                assert_eq!(from_f32(value), half, "{value}");
            }
        }
        assert_eq!(
            [1.0, -2.0, 65504.0, 6.1035156e-5, 5.9604645e-8].map(from_f32),
            [0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001]
        );
        assert_eq!(to_f32(0xfc00), f32::NEG_INFINITY);
    }

    #[test]
    fn rounds_to_the_nearest_and_ties_to_even() {
        for half in 0..0x7c00u16 {
            let (low, high) = (to_f32(half), to_f32(half + 1));
            let high = if high.is_infinite() { 65536.0 } else { high };
            let middle = low + (high - low) / 2.0;
            assert_eq!(from_f32(middle), half + (half & 1), "{middle}");
            assert_eq!(from_f32(f32::from_bits(middle.to_bits() - 1)), half);
            assert_eq!(from_f32(f32::from_bits(middle.to_bits() + 1)), half + 1);
        }
    }
}
