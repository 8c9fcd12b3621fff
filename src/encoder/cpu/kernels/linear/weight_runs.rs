//! Runs: the parts of a chunk of weights that lie in one row of the stored matrix.

use crate::encoder::spec::{LinearSpec, WeightOrder};
use std::ops::Range;

/// Cuts a chunk of `len` weights, which starts at value `first` of the whole weight in `order`, into runs.
/// Calls `put` with the output and the input at which a run starts, and with its range in the chunk.
///
/// # Panics
/// If the chunk reaches beyond the weight.
pub(super) fn for_each_run(
    spec: &LinearSpec,
    order: WeightOrder,
    first: usize,
    len: usize,
    mut put: impl FnMut(usize, usize, Range<usize>),
) {
    assert!(first + len <= spec.inputs * spec.outputs, "values beyond the weight");
    let inner = match order {
        WeightOrder::OutIn => spec.inputs,
        WeightOrder::InOut => spec.outputs,
    };
    let mut from = 0;
    while from < len {
        let (major, minor) = ((first + from) / inner, (first + from) % inner);
        let to = len.min(from + inner - minor);
        match order {
            WeightOrder::OutIn => put(major, minor, from..to),
            WeightOrder::InOut => put(minor, major, from..to),
        }
        from = to;
    }
}
