//! Allocation that fails with an error instead of an abort.
//!
//! A failed allocation of `vec!` aborts, which ends a WebAssembly instance. The constructors here
//! reserve memory with `try_reserve_exact` and return `OUT_OF_MEMORY`.

use std::fmt::Display;

use crate::error::{Result, fail};

/// Returns an empty vector with room for exactly `len` elements. `what` names the content for the
/// error message.
///
/// # Errors
/// `OUT_OF_MEMORY` if the memory cannot be reserved.
pub(crate) fn try_vec_with_capacity<T>(len: usize, what: impl Display) -> Result<Vec<T>> {
    let mut values = Vec::new();
    if values.try_reserve_exact(len).is_err() {
        let bytes = len.saturating_mul(size_of::<T>());
        fail!(OutOfMemory, "cannot reserve {bytes} bytes for {what}: use a smaller model or free memory");
    }
    Ok(values)
}

/// Returns a copy of a slice.
///
/// # Errors
/// `OUT_OF_MEMORY` if the memory cannot be reserved.
pub(crate) fn try_clone<T: Copy>(values: &[T], what: impl Display) -> Result<Vec<T>> {
    let mut copy = try_vec_with_capacity(values.len(), what)?;
    copy.extend_from_slice(values);
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn capacity_is_reserved_or_an_error_says_how_much() {
        assert_eq!(try_vec_with_capacity::<u32>(100, "a test").unwrap().capacity(), 100);
        for len in [1 << (usize::BITS - 8), usize::MAX] {
            let error = try_vec_with_capacity::<u32>(len, "a test").unwrap_err();
            assert_eq!(error.code(), ErrorCode::OutOfMemory);
            let bytes = format!("{} bytes for a test", len.saturating_mul(4));
            assert!(error.message().contains(&bytes), "{error}");
        }
    }
}
