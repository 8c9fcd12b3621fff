//! Outputs of columns: the rows and vectors of a window as a record batch (`output_batch`), which a Parquet file
//! (`parquet_file`) or an Arrow stream (`arrow_stream`) takes. Both are written window by window, so that a run continues
//! after any of them. `json` has columns as the fields of records.

mod arrow_stream;
pub(super) mod json;
mod output_batch;
mod parquet_file;

pub(super) use arrow_stream::ArrowStream;
pub(super) use output_batch::OutputBatch;
pub(super) use parquet_file::ParquetFile;
