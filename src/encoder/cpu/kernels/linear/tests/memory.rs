//! The memory of packed weights.

use super::*;
use crate::error::{Error, ErrorCode};

#[test]
fn packed_weights_have_the_expected_size() {
    let bytes: Vec<usize> = linears(768, 3072, Activation::None).iter().map(Linear::bytes).collect();
    let weights = 768 * 3072;
    assert_eq!(bytes[0], weights + 8 * 3072, "int8 exact: weights, scale, bias");
    assert_eq!(bytes[1], 4 * weights + 4 * 3072, "f32");
    assert_eq!(
        bytes[2],
        weights / 2 + weights / 32 * 9 / 2 + 4 * 3072,
        "int4: weights, a scale and half a byte per block, bias"
    );
    assert_eq!(
        bytes[3],
        weights + weights / 64 * 2 + weights / 512 + 8 * 3072,
        "relaxed int8: weights, sums and a flag per block, scale, bias"
    );
}

/// More elements than there are addresses.
const TOO_MANY: usize = 1 << (usize::BITS - 8);

fn assert_out_of_memory(error: &Error, shape: &str) {
    assert_eq!(error.code(), ErrorCode::OutOfMemory, "{error}");
    assert!(error.message().contains(shape), "{error}");
}

#[test]
fn weights_that_do_not_fit_in_memory_are_out_of_memory() {
    for kernel in ALL_KERNELS {
        for inputs in [TOO_MANY, usize::MAX] {
            let (spec, shape) = (spec(inputs, 9), format!("{inputs} × 9"));
            assert_out_of_memory(&PackI8::new(spec, kernel, vec![1.0; 9], Vec::new()).unwrap_err(), &shape);
            let error = PackI8::with_zero_points(spec, kernel, vec![1.0; 9], vec![1; 9], Vec::new());
            assert_out_of_memory(&error.unwrap_err(), &shape);
            assert_out_of_memory(&PackI4::new(spec, kernel, Vec::new()).unwrap_err(), &shape);
            assert_out_of_memory(&PackF32::new(spec, kernel, Vec::new()).unwrap_err(), &shape);
        }
    }
    let error = ColumnMax::new(spec(1, TOO_MANY), WeightOrder::InOut).unwrap_err();
    assert_out_of_memory(&error, &TOO_MANY.to_string());
}
