//! Inputs of columns: the record batches of a Parquet file or an Arrow stream (`source`), whose columns are picked by name
//! (`picks`), cut into windows.

mod picks;
mod rows;
mod source;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::take::take;
use corom::error::Result;

use super::{
    BadRow, BadRows, Content, Id, Input, InputFormat, MAX_WINDOW_BYTES, Position, Row, Selection, Source,
    Window,
};
use crate::embed::columnar::{filter, guarded, internal, row_bytes};
use picks::Picks;
pub(in crate::embed) use rows::column_rows;
use source::Batches;

/// Opens a Parquet file or an Arrow stream.
///
/// # Errors
/// The errors of [`Batches`] and [`Picks`].
pub(super) fn open(
    source: Source,
    name: &str,
    format: InputFormat,
    select: &Selection,
) -> Result<Box<dyn Input>> {
    let mut batches = match format {
        InputFormat::Parquet => Batches::parquet(source, name)?,
        _ => Batches::arrow(source, name)?,
    };
    let schema = batches.schema();
    let picks = Picks::new(name, &schema, select)?;
    let fields = picks.kept.iter().map(|&index| decoded_field(schema.field(picks.read[index])));
    let kept = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    batches.select(picks.read.clone());
    let (name, rest, position) = (name.to_owned(), None, Position::default());
    Ok(Box::new(Columns { name, batches, picks, kept, rest, position }))
}

/// Reads windows of a series of batches.
struct Columns {
    name: String,
    batches: Batches,
    picks: Picks,
    /// The columns that the output repeats.
    kept: SchemaRef,
    /// Rows that are read and not yet in a window.
    rest: Option<RecordBatch>,
    position: Position,
}

impl Input for Columns {
    fn read(&mut self, rows: usize, bad: &mut BadRows) -> Result<Option<Window>> {
        let (mut window, mut parts, mut bytes) = (Window::default(), Vec::new(), 0);
        let mut has_ended = false;
        let is_full = |window: &Window, bytes| window.rows.len() >= rows || bytes >= MAX_WINDOW_BYTES;
        while !is_full(&window, bytes) {
            let batch = match self.rest.take() {
                Some(batch) => batch,
                None => match self.batches.next(&self.name, self.position.rows)? {
                    Some(batch) => batch,
                    None => {
                        has_ended = true;
                        break;
                    }
                },
            };
            let mut flags = Vec::new();
            while flags.len() < batch.num_rows() && !is_full(&window, bytes) {
                bytes += row_bytes(&batch, flags.len()) as u64;
                let row = self.row(&batch, flags.len(), bad)?;
                flags.push(row.is_some());
                window.rows.extend(row);
                self.position.rows += 1;
            }
            let left = batch.num_rows() - flags.len();
            self.rest = (left > 0).then(|| batch.slice(flags.len(), left));
            if !self.picks.kept.is_empty() {
                parts.push(self.kept(&batch.slice(0, flags.len()), flags)?);
            }
        }
        if !self.picks.kept.is_empty() {
            // A column of more than 2 GiB would panic.
            let joined = || concat_batches(&self.kept, &parts).map_err(internal);
            window.batch = Some(guarded(&self.name, joined)?);
        }
        self.position.offset = self.batches.offset(self.position.rows);
        // Without rows if all of them were bad: the input goes on.
        Ok((!has_ended || !window.rows.is_empty()).then_some(window))
    }

    fn position(&self) -> Position {
        self.position
    }

    fn resume(&mut self, position: Position) -> Result<()> {
        self.batches.seek(position.rows);
        self.position = position;
        Ok(())
    }

    fn total(&self) -> Option<u64> {
        self.batches.total()
    }

    fn schema(&self) -> Option<SchemaRef> {
        Some(Arc::clone(&self.kept))
    }
}

impl Columns {
    /// Returns a row: none if it is bad and skipped.
    fn row(&self, batch: &RecordBatch, row: usize, bad: &mut BadRows) -> Result<Option<Row>> {
        let number = self.position.rows;
        let place = format!("row {number}");
        let (text, id) = (self.picks.text(batch, row), self.picks.id(batch, row));
        let number = || Some(Id::Number(number.into()));
        Ok(match (text, id) {
            (Ok(text), Ok(id)) => {
                let id = id.or_else(number);
                Some(Row { id, text: Some(text), content: Content::Columns, place })
            }
            (Err(reason), id) => {
                let is_kept = bad.keeps(&BadRow { place: place.clone(), reason })?;
                let id = id.map_or(None, |id| id.or_else(number));
                is_kept.then_some(Row { id, text: None, content: Content::Columns, place })
            }
            (Ok(_), Err(reason)) => {
                let is_kept = bad.keeps(&BadRow { place: place.clone(), reason })?;
                is_kept.then_some(Row { id: None, text: None, content: Content::Columns, place })
            }
        })
    }

    /// Returns the rows and columns of a batch that the output repeats.
    fn kept(&self, batch: &RecordBatch, flags: Vec<bool>) -> Result<RecordBatch> {
        let columns = self.picks.kept.iter().map(|&index| decoded(batch.column(index)));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&self.kept), columns).map_err(internal)?;
        if flags.iter().all(|flag| *flag) { Ok(batch) } else { filter(&batch, flags) }
    }
}

/// Returns a column without a dictionary: dictionaries differ between batches, and one of all batches has no bound.
fn decoded(column: &ArrayRef) -> Result<ArrayRef> {
    match column.data_type() {
        DataType::Dictionary(..) => {
            let array = column.as_any_dictionary();
            decoded(&take(&**array.values(), array.keys(), None).map_err(internal)?)
        }
        // A view keeps all bytes of its batch in memory, and in an Arrow stream, unless it is copied.
        DataType::Utf8View => Ok(Arc::new(column.as_string_view().gc())),
        DataType::BinaryView => Ok(Arc::new(column.as_binary_view().gc())),
        _ => Ok(Arc::clone(column)),
    }
}

fn decoded_field(field: &Field) -> Field {
    let mut data_type = field.data_type();
    let mut is_nullable = field.is_nullable();
    while let DataType::Dictionary(_, values) = data_type {
        data_type = values;
        is_nullable = true; // a value of the dictionary may be null
    }
    Field::new(field.name(), data_type.clone(), is_nullable).with_metadata(field.metadata().clone())
}
