//! Reads the files that a catalog is built from.

use std::fs;
use std::path::Path;

use corom::error::Result;
use corom::index::Schema;
use corom::index_build::{Item, ItemReader, read_schema, read_synonyms};
use serde_json::Value;

use crate::embed::records;
use crate::fail;
use crate::file_error::file_error;

/// Reads a text file.
fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| file_error(path, error))
}

/// Reads a file of JSON.
pub(super) fn json(path: &Path) -> Result<Value> {
    match serde_json::from_str(&text(path)?) {
        Ok(value) => Ok(value),
        Err(error) => fail!(InvalidArgument, "{}: {error}", path.display()),
    }
}

/// Reads a schema, and the names of what is stored.
pub(super) fn schema(path: &Path) -> Result<(Schema, Vec<String>)> {
    match read_schema(json(path)?) {
        Ok(schema) => Ok(schema),
        Err(error) => fail!(InvalidArgument, "{}: {error}", path.display()),
    }
}

/// Passes the items of a file to `visit`: JSON records, a table with a header, or columns.
pub(super) fn items(
    path: &Path,
    reader: &mut ItemReader,
    visit: &mut dyn FnMut(Item) -> Result<()>,
) -> Result<()> {
    records(path, &mut |(place, row), is_table| match reader.read(row, is_table, &place) {
        Ok(item) => visit(item),
        Err(error) => fail!(InvalidArgument, "{}: {place}: {error}", path.display()),
    })
}

/// Reads groups of synonyms.
pub(super) fn synonyms(path: &Path) -> Result<Vec<Vec<String>>> {
    match read_synonyms(&text(path)?) {
        Ok(groups) => Ok(groups),
        Err(error) => fail!(InvalidArgument, "{}: {error}", path.display()),
    }
}
