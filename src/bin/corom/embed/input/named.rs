//! Whole rows with the names of their values.

use corom::error::Result;
use serde_json::{Map, Value};

use super::delimited::Table;
use super::json::next_object;
use super::lines::Lines;
use super::text::{Parser, place};
use super::{Content, Selection, Source};
use crate::fail;

/// Passes every row to `visit`: its place, and its values with the names: the cells of a table, or the fields of JSON
/// objects.
///
/// # Errors
/// The errors of `visit`; `INVALID_ARGUMENT` with the line for a row that is bad, or a table with a name that stands twice.
pub(in crate::embed) fn named_rows(
    source: Source,
    name: &str,
    table: Option<(bool, &Selection)>,
    visit: &mut dyn FnMut((String, Map<String, Value>)) -> Result<()>,
) -> Result<()> {
    let mut lines = Lines::new(source, name);
    let mut add = |row: Result<Map<String, Value>, String>, lines: &Lines| {
        let place = place(lines.row_begin, lines.position.lines);
        match row {
            Ok(row) => visit((place, row)),
            Err(reason) => fail!(InvalidArgument, "{name}: {place} {reason}"),
        }
    };
    match table {
        None => {
            while let Some(row) = next_object(&mut lines)? {
                add(row, &lines)?;
            }
        }
        Some((is_csv, select)) => {
            let mut table = Table::open(&mut lines, is_csv, select)?;
            let names = table.names().unwrap_or_default().to_vec();
            if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
                fail!(InvalidArgument, "{name}: the header has the name {:?} twice", twice.1);
            }
            while let Some(row) = table.next(&mut lines)? {
                let cells = row.map(|row| match row.content {
                    Content::Cells(cells) => {
                        names.iter().cloned().zip(cells.into_iter().map(Value::from)).collect()
                    }
                    _ => Map::new(),
                });
                add(cells, &lines)?;
            }
        }
    }
    Ok(())
}
