//! Shapes: every tail of rows, inputs and outputs, the shapes of models, and random ones.

use super::*;
use proptest::prelude::*;

#[test]
fn kernels_equal_their_references_for_every_tail() {
    for rows in 0..10 {
        for (inputs, outputs) in [(1, 1), (2, 8), (3, 9), (64, 16), (65, 7), (33, 24), (31, 5)] {
            let seed = (rows * 1000 + inputs) as u64;
            check_i8(rows, inputs, outputs, seed, WeightOrder::OutIn);
            check_i4(rows, inputs, outputs, seed);
            check_f32(rows, inputs, outputs, seed, WeightOrder::InOut);
        }
    }
    for inputs in 1..140 {
        check_i8(5, inputs, 3, inputs as u64, WeightOrder::InOut);
        check_i4(5, inputs, 3, inputs as u64);
    }
    for outputs in 1..40 {
        check_i8(3, 6, outputs, outputs as u64, WeightOrder::OutIn);
        check_i4(3, 6, outputs, outputs as u64);
        check_f32(3, 6, outputs, outputs as u64, WeightOrder::OutIn);
    }
    // Rows and panels that `strassen` computes, and others beside them.
    for rows in 64..73 {
        for (inputs, outputs) in [(3, 17), (4, 9), (8, 24), (68, 33), (128, 16), (130, 17), (200, 19)] {
            check_i8(rows, inputs, outputs, (rows * inputs) as u64, WeightOrder::OutIn);
        }
    }
    // More than one strip of rows, and more than one group of panels.
    check_i8(70, 3072, 9, 1, WeightOrder::OutIn);
    check_i8(530, 20, 150, 1, WeightOrder::InOut);
    check_i4(70, 3072, 9, 1);
    check_f32(70, 3000, 9, 1, WeightOrder::OutIn);
}

proptest! {
    #[test]
    fn kernels_equal_their_references_for_random_shapes(
            rows in prop_oneof![0usize..14, 62usize..75], inputs in 1usize..200, outputs in 1usize..40, seed in any::<u64>(), out_in in any::<bool>()) {
        let order = if out_in { WeightOrder::OutIn } else { WeightOrder::InOut };
        check_i8(rows, inputs, outputs, seed, order);
        check_i4(rows, inputs, outputs, seed);
        check_f32(rows, inputs, outputs, seed, order);
    }
}

/// The products of a model with hidden size 384 and 12 heads, and of one with 96 and 3 heads: one text, and
/// rows for which `strassen` computes all tiles, leaves 6 rows over, or leaves 1 row over.
#[test]
fn kernels_equal_their_references_for_the_shapes_of_small_models() {
    for rows in [9, 64, 70, 129] {
        for (inputs, outputs) in [(96, 288), (96, 96), (96, 384), (384, 96)] {
            check_i8(rows, inputs, outputs, rows as u64, WeightOrder::InOut);
            check_i4(rows, inputs, outputs, rows as u64);
        }
    }
    for (rows, inputs, outputs) in [(70, 384, 384), (129, 384, 100), (64, 1536, 40)] {
        check_i8(rows, inputs, outputs, rows as u64, WeightOrder::InOut);
        check_i4(rows, inputs, outputs, rows as u64);
        check_f32(rows, inputs, outputs, rows as u64, WeightOrder::InOut);
    }
}

/// Inputs that are no multiple of a pair, quad, step or block, and outputs that are no multiple of a panel or
/// of two panels.
#[test]
fn kernels_equal_their_references_for_odd_shapes() {
    for rows in [1, 3, 64, 70, 129] {
        for (inputs, outputs) in [(63, 15), (66, 20), (95, 31), (97, 17), (101, 41)] {
            check_i8(rows, inputs, outputs, rows as u64, WeightOrder::OutIn);
            check_i4(rows, inputs, outputs, rows as u64);
            check_f32(rows, inputs, outputs, rows as u64, WeightOrder::OutIn);
        }
    }
}
