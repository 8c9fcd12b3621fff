//! Room for what packing allocates, asked for before it begins: memory that cannot be had is an error with
//! a code then, where an allocation that fails ends the instance. Not counted are copies of what several steps share
//! and of weights whose zero points turn out to be none that bytes can have: rare, and asking for them would
//! raise the peak of all others.

use std::fmt::Display;

use super::matrix::{BLOCK, are_nibbles, may_be_bytes};
use super::pack::Precision;
use crate::encoder::cpu::linear::{Kernel, Weights};
use crate::encoder::graph::{Coding, EmbedStep, LinearStep, Matrix};
use crate::error::{Result, fail};

/// For a `Linear`.
///
/// # Errors
/// `OUT_OF_MEMORY`.
pub(super) fn for_linear(step: &LinearStep, precision: Precision, kernel: Kernel) -> Result<()> {
    let [inputs, outputs] = [step.spec.inputs, step.spec.outputs];
    reserve(&of_linear(step, precision, kernel), format_args!("a weight of {inputs} × {outputs}"))
}

/// For an `Embed`.
///
/// # Errors
/// `OUT_OF_MEMORY`.
pub(super) fn for_embed(step: &EmbedStep, precision: Precision) -> Result<()> {
    let mut sizes = of_table(&step.word, precision == Precision::Auto).to_vec();
    for table in step.token_type.iter().map(|(table, _)| table).chain(&step.position) {
        sizes.extend(of_table(table, false));
    }
    let [rows, width] = step.word.shape;
    reserve(&sizes, format_args!("the embeddings, {rows} × {width}"))
}

/// Bytes of the packed weights and of two copies that are there beside them. Numbers that stay as they are
/// move, and take no more.
fn of_linear(step: &LinearStep, precision: Precision, kernel: Kernel) -> [usize; 3] {
    let LinearStep { spec, weight, .. } = step;
    let packed = |weights: Weights| weights.packed_bytes(kernel, spec);
    let [whole, part] = floats(weight);
    match precision {
        Precision::F32 => [packed(Weights::F32), whole, part],
        Precision::Auto if may_be_bytes(weight) => [packed(Weights::I8), part / FLOAT, 0],
        Precision::Auto if are_nibbles(weight) => {
            let [rows, columns] = weight.shape;
            [packed(Weights::I4), size([rows, columns.div_ceil(BLOCK)], BLOCK / 2), 0]
        }
        Precision::Auto => [packed(Weights::I8), whole, part],
    }
}

/// Bytes of a table's quantised form and of two copies beside it.
fn of_table(table: &Matrix, quantize: bool) -> [usize; 3] {
    let rows = Matrix { turned: true, ..table.clone() };
    if may_be_bytes(&rows) && matches!(table.coding, Coding::Affine { zero: None, .. }) {
        return [0; 3];
    }
    let [whole, part] = floats(table);
    [if quantize { size(table.shape, 1) } else { 0 }, whole, part]
}

const FLOAT: usize = size_of::<f32>();

/// Bytes of a matrix as floats, unless it is stored so, and of the part that is used, unless that is all.
fn floats(matrix: &Matrix) -> [usize; 2] {
    let moves = matrix.float && matrix.parts.len() == 1;
    let whole = if moves { 0 } else { size(matrix.shape, FLOAT) };
    [whole, if matrix.columns.is_some() { size(matrix.used(), FLOAT) } else { 0 }]
}

fn size([rows, columns]: [usize; 2], each: usize) -> usize {
    rows.saturating_mul(columns).saturating_mul(each)
}

/// More than an allocator adds where it aligns.
const ALIGNED: usize = 64;

/// Has all of these at once, and gives them back. A wasm memory never shrinks: what was had is there for the
/// allocations that follow, which are as large one by one and so find their places again.
fn reserve(sizes: &[usize], what: impl Display) -> Result<()> {
    let mut held: Vec<Vec<u8>> = Vec::with_capacity(sizes.len());
    for size in sizes.iter().filter(|size| **size > 0) {
        let mut room = Vec::new();
        if room.try_reserve_exact(size.saturating_add(ALIGNED)).is_err() {
            let all = sizes.iter().fold(0, |all: usize, size| all.saturating_add(*size));
            fail!(OutOfMemory, "there is no room for the {all} bytes that it takes to pack {what}");
        }
        held.push(room);
    }
    // Or the compiler leaves out what is never written to.
    std::hint::black_box(&held);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::linear::Linear;
    use crate::encoder::fused::pack;
    use crate::encoder::fused::store::Store;
    use crate::encoder::graph::{Leaf, NormStep, Step, Vector};
    use crate::encoder::onnx::{Blocked, Numbers};
    use crate::encoder::ops::linear::{Activation, LinearSpec};
    use crate::error::{Error, ErrorCode};

    fn matrix(shape: [usize; 2], float: bool) -> Matrix {
        let coding = Coding::Affine { axis: None, scale: Vec::new(), zero: None };
        Matrix { parts: vec![Leaf::Weight(0)], shape, turned: false, float, coding, columns: None }
    }

    fn step(weight: Matrix) -> LinearStep {
        let [inputs, outputs] = weight.used();
        let spec = LinearSpec { inputs, outputs, activation: Activation::None };
        LinearStep { x: 0, spec, weight, bias: None }
    }

    fn packed(step: &LinearStep, precision: Precision, weights: Numbers) -> Linear {
        let mut store = Store::new(1, &[Step::Linear(Box::new(step.clone()))]);
        store.put(0, weights);
        pack::linear(&mut store, step, precision, Kernel::Exact).unwrap()
    }

    #[test]
    fn a_linear_takes_what_it_holds_and_the_floats_that_it_goes_over() {
        let (shape, count) = ([40, 24], 40 * 24);
        let in_blocks = |bits: usize| {
            let op = Blocked { rows: 40, columns: 24, bits, size: 32, packed: bits == 4, float_zeros: false };
            let coding = Coding::Blocks { op, scale: Box::new(Vector::Uniform(1.0)), zero: None };
            Matrix { turned: true, coding, ..matrix(shape, false) }
        };
        let floats = || Numbers::F32(vec![0.5; count]);
        let part = Matrix { columns: Some(8..16), ..matrix(shape, true) };
        let cases = [
            (matrix(shape, true), floats(), [0, 0], [0, 0]),
            (part, floats(), [0, 4 * 40 * 8], [0, 4 * 40 * 8]),
            (matrix(shape, false), Numbers::I8(vec![5; count]), [0, 0], [4 * count, 0]),
            (in_blocks(4), Numbers::U8(vec![0x3a; 40 * 16]), [40 * 16, 0], [4 * count, 0]),
            (in_blocks(8), Numbers::U8(vec![5; 40 * 32]), [4 * count, 0], [4 * count, 0]),
        ];
        for (weight, numbers, auto, exact) in cases {
            let step = step(weight);
            for (precision, copies) in [(Precision::Auto, auto), (Precision::F32, exact)] {
                let due = packed(&step, precision, numbers.clone()).bytes();
                let told = of_linear(&step, precision, Kernel::Exact);
                assert_eq!(told, [due, copies[0], copies[1]], "{:?} {precision:?}", step.weight);
            }
        }
    }

    #[test]
    fn a_table_takes_its_bytes_and_floats_where_it_is_neither() {
        let bytes = matrix([30, 8], false);
        let zero = Some(Vector::Uniform(3.0));
        let shifted =
            Matrix { coding: Coding::Affine { axis: None, scale: Vec::new(), zero }, ..bytes.clone() };
        assert_eq!(of_table(&bytes, true), [0; 3]);
        assert_eq!(of_table(&matrix([30, 8], true), false), [0; 3]);
        assert_eq!(of_table(&matrix([30, 8], true), true), [30 * 8, 0, 0]);
        assert_eq!(of_table(&shifted, true), [30 * 8, 4 * 30 * 8, 0]);
    }

    fn check(error: &Error, bytes: usize, shape: &str) {
        assert_eq!(error.code(), ErrorCode::OutOfMemory, "{error}");
        assert!(error.message().contains(&format!("{bytes} bytes")), "{error}");
        assert!(error.message().contains(shape), "{error}");
    }

    #[test]
    fn what_no_memory_holds_is_an_error_that_says_how_much_and_for_what() {
        const ROWS: usize = 1 << (usize::BITS - 8);
        let mut store = Store::new(0, &[]);
        let wide = step(matrix([8, ROWS], true));
        for (precision, weights) in [(Precision::Auto, Weights::I8), (Precision::F32, Weights::F32)] {
            let error = pack::linear(&mut store, &wide, precision, Kernel::Exact).unwrap_err();
            let due = weights.packed_bytes(Kernel::Exact, &wide.spec);
            assert!(due < usize::MAX);
            check(&error, due, &format!("8 × {ROWS}"));
        }
        let vector = Vector::Uniform(1.0);
        let norm = NormStep { width: 8, eps: 1e-5, gamma: vector.clone(), beta: vector };
        let tables = EmbedStep { word: matrix([ROWS, 8], true), token_type: None, position: None, norm };
        let error = pack::embed(&mut store, &tables, Precision::Auto).unwrap_err();
        check(&error, 8 * ROWS, &format!("{ROWS} × 8"));
    }
}
