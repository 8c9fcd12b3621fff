//! candle's errors as errors of this crate.

use crate::error::{Error, ErrorCode};

/// Makes an error of a computation that failed. Shapes are checked before, so it is a fault of this crate or a lack of
/// memory.
pub(super) fn computation_failed(error: candle_core::Error) -> Error {
    Error::with_source(ErrorCode::Internal, format!("a computation of the training failed: {error}"), error)
}
