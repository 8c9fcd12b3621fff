//! Room for what packing allocates: memory that is not there is an error with a code, where an allocation that
//! fails ends the instance.
//!
//! What others allocate is had just before, and given back: a wasm memory never shrinks, so it is there for
//! them. It is as large as theirs and aligned as theirs, so they take the same place, and no more
//! memory is needed than without.

use std::fmt::Display;

use crate::error::{Result, fail};

/// An empty list with room for `len`.
///
/// # Errors
/// `OUT_OF_MEMORY`; `what` says for what.
pub(super) fn list<T>(len: usize, what: impl Display) -> Result<Vec<T>> {
    let mut list = Vec::new();
    if list.try_reserve_exact(len).is_err() {
        let bytes = len.saturating_mul(size_of::<T>());
        fail!(OutOfMemory, "there is no room for the {bytes} bytes of {what}");
    }
    // Or the compiler tensors out what is given back unused.
    Ok(std::hint::black_box(list))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::linear::Kernel;
    use crate::encoder::fused::Precision;
    use crate::encoder::fused::pack;
    use crate::encoder::fused::store::Store;
    use crate::encoder::matcher::{EmbedStep, LinearStep, Matrix, NormStep, Quantization, TensorRef, Vector};
    use crate::encoder::ops::linear::Activation;
    use crate::error::{Error, ErrorCode};

    /// More than an address says, and few enough to be counted in bytes.
    const MANY: usize = 1 << (usize::BITS - 8);

    fn check(error: &Error, bytes: usize, shape: [usize; 2]) {
        assert_eq!(error.code(), ErrorCode::OutOfMemory, "{error}");
        let [rows, columns] = shape;
        for part in [format!(" {bytes} bytes "), format!(" {rows} × {columns}")] {
            assert!(error.message().contains(&part), "{error}");
        }
    }

    #[test]
    fn a_list_has_its_room_or_is_an_error() {
        assert_eq!(list::<u32>(100, "a test").unwrap().capacity(), 100);
        for len in [MANY, usize::MAX] {
            let error = list::<u32>(len, "a test").unwrap_err();
            assert_eq!(error.code(), ErrorCode::OutOfMemory);
            assert!(
                error.message().contains(&format!("{} bytes of a test", len.saturating_mul(4))),
                "{error}"
            );
        }
    }

    #[test]
    fn steps_that_no_memory_holds_are_errors() {
        // In two parts, which are put together before their numbers are looked at.
        let matrix = |shape: [usize; 2]| {
            let quantization = Quantization::Affine { axis: None, scale: Vec::new(), zero: None };
            let parts = vec![TensorRef::Weight(0), TensorRef::Weight(1)];
            Matrix { parts, shape, transposed: false, float: true, quantization, columns: None }
        };
        let mut store = Store::new(0, &[]);
        let spec = LinearSpec { inputs: 8, outputs: MANY, activation: Activation::None };
        let step = LinearStep { x: 0, spec, weight: matrix([8, MANY]), bias: None };
        for precision in [Precision::Auto, Precision::F32] {
            let error = pack::linear(&mut store, &step, precision, Kernel::Exact).unwrap_err();
            check(&error, 4 * 8 * MANY, [8, MANY]);
        }
        let vector = Vector::Uniform(1.0);
        let norm = NormStep { width: 8, eps: 1e-5, gamma: vector.clone(), beta: vector };
        let tables = EmbedStep { word: matrix([MANY, 8]), token_type: None, position: None, norm };
        let error = pack::embed(&mut store, &tables, Precision::Auto).unwrap_err();
        check(&error, 4 * 8 * MANY, [MANY, 8]);
    }
}
