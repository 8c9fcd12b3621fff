//! Whole rows of a file, by name: the cells of a table with a header, the fields of JSON records, or columns.

use std::path::Path;

use corom::error::Result;
use serde_json::{Map, Value};

use super::input::{InputFormat, Selection, Source, column_rows, format_of, named_rows};
use crate::fail;

/// A row: its place in the file, such as `line 7`, and its values. Those of a table are strings.
pub(crate) type Record = (String, Map<String, Value>);

/// Passes the rows of a file to `visit`, with true if the file is a table. Standard input, `-`, has JSON records.
///
/// # Errors
/// The errors of `visit`; `INVALID_ARGUMENT` with the line for a row that is bad; `MISSING_FILE` or `FETCH_FAILED` if the file cannot be read.
pub(crate) fn records(path: &Path, visit: &mut dyn FnMut(Record, bool) -> Result<()>) -> Result<()> {
    let name = path.display().to_string();
    let (is_table, is_csv) = match format_of(path) {
        Some(InputFormat::Jsonl) => (false, false),
        None if path == Path::new("-") => (false, false),
        Some(InputFormat::Tsv) => (true, false),
        Some(InputFormat::Csv) => (true, true),
        Some(format @ (InputFormat::Parquet | InputFormat::Arrow)) => {
            return column_rows(Source::open(path)?, &name, format, &mut |row| visit(row, false));
        }
        _ => fail!(
            InvalidArgument,
            "{name}: expected a file of items: .jsonl, .ndjson, .tsv, .csv, .parquet or .arrow, or - for JSON records on \
             standard input"
        ),
    };
    let select = Selection { header: true, column: Some("1".into()), ..Selection::default() };
    let table = is_table.then_some((is_csv, &select));
    named_rows(Source::open(path)?, &name, table, &mut |row| visit(row, is_table))
}
