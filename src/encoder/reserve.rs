//! Vectors whose memory is reserved before they are filled. An allocation that fails aborts a program, and in
//! WebAssembly ends the instance; here it is an error with the code `OUT_OF_MEMORY`.

use crate::error::{Error, ErrorCode, Result};
use std::fmt::Display;

/// Returns an empty vector with room for `len` elements. `what` names them in the message.
///
/// # Errors
/// `OUT_OF_MEMORY`.
pub(crate) fn try_with_capacity<T>(len: usize, what: impl Display) -> Result<Vec<T>> {
    let mut values = Vec::new();
    if values.try_reserve_exact(len).is_err() {
        return Err(out_of_memory::<T>(len, what));
    }
    Ok(values)
}

/// Returns a vector of `len` elements that are all `value`.
///
/// # Errors
/// `OUT_OF_MEMORY`.
pub(crate) fn try_filled<T: Copy>(len: usize, value: T, what: impl Display) -> Result<Vec<T>> {
    let mut values = Vec::new();
    try_extend(&mut values, len, value, what)?;
    Ok(values)
}

/// Appends copies of `value` until `values` has `len` elements.
///
/// # Errors
/// `OUT_OF_MEMORY`. Then `values` is unchanged.
pub(crate) fn try_extend<T: Copy>(
    values: &mut Vec<T>,
    len: usize,
    value: T,
    what: impl Display,
) -> Result<()> {
    if values.try_reserve_exact(len.saturating_sub(values.len())).is_err() {
        return Err(out_of_memory::<T>(len, what));
    }
    if values.len() < len {
        values.resize(len, value);
    }
    Ok(())
}

/// Appends `more`. `len` is the number of elements that `values` will have at last.
///
/// # Errors
/// `OUT_OF_MEMORY`. Then `values` is unchanged.
pub(crate) fn try_append<T: Copy>(
    values: &mut Vec<T>,
    more: &[T],
    len: usize,
    what: impl Display,
) -> Result<()> {
    let room = len.max(values.len().saturating_add(more.len())) - values.len();
    if values.try_reserve_exact(room).is_err() {
        return Err(out_of_memory::<T>(len, what));
    }
    values.extend_from_slice(more);
    Ok(())
}

/// Returns a copy of `values`.
///
/// # Errors
/// `OUT_OF_MEMORY`.
pub(crate) fn try_copied<T: Copy>(values: &[T], what: impl Display) -> Result<Vec<T>> {
    let mut copy = try_with_capacity(values.len(), what)?;
    copy.extend_from_slice(values);
    Ok(copy)
}

fn out_of_memory<T>(len: usize, what: impl Display) -> Error {
    let bytes = len.saturating_mul(size_of::<T>());
    Error::new(ErrorCode::OutOfMemory, format!("not enough memory for the {bytes} bytes of {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_exactly_the_capacity_asked_for() {
        assert_eq!(try_with_capacity::<u32>(100, "a test").unwrap().capacity(), 100);
        assert_eq!(try_filled(3, 7u8, "a test").unwrap(), [7; 3]);
        let mut values = vec![1u8, 2];
        try_extend(&mut values, 4, 9, "a test").unwrap();
        assert_eq!(values, [1, 2, 9, 9]);
    }

    #[test]
    fn too_little_memory_is_out_of_memory() {
        for len in [1 << (usize::BITS - 8), usize::MAX] {
            let error = try_filled(len, 0u32, "a test").unwrap_err();
            assert_eq!(error.code(), ErrorCode::OutOfMemory);
            let bytes = len.saturating_mul(4);
            assert!(error.message().contains(&format!("{bytes} bytes of a test")), "{error}");
        }
    }
}
