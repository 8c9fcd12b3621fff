//! Steps that reading and writing columns share, by the crates of Apache Arrow.

mod guard;
mod row_size;

pub(super) use guard::guarded;
pub(super) use row_size::{integer, row_bytes};

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use corom::error::{Error, ErrorCode, Result};

/// Returns the rows of a batch whose flag is true.
///
/// # Errors
/// `INTERNAL` if the columns cannot be filtered.
pub(super) fn filter(batch: &RecordBatch, flags: Vec<bool>) -> Result<RecordBatch> {
    filter_record_batch(batch, &BooleanArray::from(flags)).map_err(internal)
}

/// Returns the error of a step that fails for no valid batch.
pub(super) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::with_source(ErrorCode::Internal, format!("columns cannot be computed: {error}"), error)
}
