//! Runs of a weight's values: the parts of a chunk that belong to one row of the stored matrix.

use crate::encoder::spec::{LinearSpec, WeightOrder};

/// Cuts a chunk of a weight's values into runs along its inner axis. Calls `put` with the output
/// and the input that a run begins with, and its range in the chunk.
pub(super) fn for_each_run(
    spec: &LinearSpec,
    order: WeightOrder,
    first: usize,
    len: usize,
    mut put: impl FnMut(usize, usize, std::ops::Range<usize>),
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
