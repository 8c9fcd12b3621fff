//! The rows of an output as a record batch: what is repeated of the input, and the vector.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, FixedSizeListArray, Float16Array, Float32Array, Int8Array, Int64Array, RecordBatch,
    StringArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corom::error::Result;
use half::f16;

use super::super::Shape;
use crate::embed::columnar::internal;
use crate::embed::row::{Content, Id, Row, Window};
use crate::embed::vectors::{VectorType, Vectors, quantize};
use crate::fail;

/// The columns that are added.
pub(super) const EMBEDDING: &str = "embedding";
const SCALE: &str = "scale";
/// The name of a list's element, as other writers of Arrow have it.
pub(super) const ITEM: &str = "item";

/// The type of the ids of a text file or of JSONL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IdType {
    Int64 = 1,
    UInt64,
    Text,
}

/// Makes record batches of windows.
pub(in crate::embed::output) struct OutputBatch {
    shape: Shape,
    /// The type of the ids, from the first window on.
    id_type: Option<IdType>,
}

impl OutputBatch {
    /// Makes batches of a shape.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if two columns have one name, or one has the name of a column that is added.
    pub(in crate::embed::output) fn new(shape: Shape) -> Result<Self> {
        let names = shape.names.clone().unwrap_or_default();
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                fail!(InvalidArgument, "the header has `{name}` twice; OUT cannot have both");
            }
            if name == EMBEDDING || (name == SCALE && shape.vector_type == VectorType::Int8) {
                fail!(
                    InvalidArgument,
                    "the header has `{name}`, which is the column of the vector; rename the column"
                );
            }
        }
        Ok(Self { shape, id_type: None })
    }

    /// Returns the state that a run continues with.
    pub(super) fn state(&self) -> u8 {
        self.id_type.map_or(0, |id_type| id_type as u8)
    }

    /// Continues with the state of an earlier run.
    pub(super) fn set_state(&mut self, state: u8) {
        self.id_type = [IdType::Int64, IdType::UInt64, IdType::Text].into_iter().find(|t| *t as u8 == state);
    }

    /// Returns the columns.
    pub(super) fn schema(&self) -> SchemaRef {
        let mut fields: Vec<Arc<Field>> = match (&self.shape.schema, &self.shape.names) {
            (Some(schema), _) => schema.fields().iter().cloned().collect(),
            (None, Some(names)) => {
                names.iter().map(|name| Arc::new(Field::new(name, DataType::Utf8, true))).collect()
            }
            (None, None) => {
                let id_type = match self.id_type {
                    Some(IdType::Int64) => DataType::Int64,
                    Some(IdType::UInt64) => DataType::UInt64,
                    _ => DataType::Utf8,
                };
                let id = self.shape.has_ids.then(|| Arc::new(Field::new("id", id_type, true)));
                id.into_iter().chain([Arc::new(Field::new("text", DataType::Utf8, true))]).collect()
            }
        };
        let list = DataType::FixedSizeList(self.item(), self.shape.dimension as i32);
        fields.push(Arc::new(Field::new(EMBEDDING, list, true)));
        if self.shape.vector_type == VectorType::Int8 {
            fields.push(Arc::new(Field::new(SCALE, DataType::Float32, true)));
        }
        Arc::new(Schema::new(fields))
    }

    fn item(&self) -> Arc<Field> {
        let data_type = match self.shape.vector_type {
            VectorType::F32 => DataType::Float32,
            VectorType::F16 => DataType::Float16,
            VectorType::Int8 => DataType::Int8,
        };
        Arc::new(Field::new(ITEM, data_type, true))
    }

    /// Makes the batch of a window.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the ids have no common type.
    pub(super) fn batch(&mut self, window: &Window, vectors: &Vectors) -> Result<RecordBatch> {
        let mut columns: Vec<ArrayRef> = match (&window.batch, &self.shape.names) {
            (Some(batch), _) => batch.columns().to_vec(),
            (None, Some(names)) => (0..names.len()).map(|at| cells(window, at)).collect(),
            (None, None) => {
                let ids = if self.shape.has_ids { Some(self.ids(&window.rows)?) } else { None };
                let texts = window.rows.iter().map(|row| row.text.as_deref());
                ids.into_iter().chain([Arc::new(texts.collect::<StringArray>()) as ArrayRef]).collect()
            }
        };
        self.push_vectors(&mut columns, window, vectors)?;
        RecordBatch::try_new(self.schema(), columns).map_err(internal)
    }

    fn push_vectors(&self, columns: &mut Vec<ArrayRef>, window: &Window, vectors: &Vectors) -> Result<()> {
        let zeros = vec![0.0; self.shape.dimension];
        let valid: Vec<bool> = vectors.rows(window).map(|vector| vector.is_some()).collect();
        let rows = vectors.rows(window).map(|vector| vector.unwrap_or(&zeros));
        let mut scales = Vec::new();
        let numbers: ArrayRef = match self.shape.vector_type {
            VectorType::F32 => Arc::new(rows.flatten().copied().collect::<Float32Array>()),
            VectorType::F16 => {
                Arc::new(Float16Array::from_iter_values(rows.flatten().map(|x| f16::from_f32(*x))))
            }
            VectorType::Int8 => {
                let mut numbers = Vec::new();
                for (vector, is_valid) in rows.zip(&valid) {
                    let (scale, row) = quantize(vector);
                    numbers.extend(row);
                    scales.push(is_valid.then_some(scale));
                }
                Arc::new(Int8Array::from(numbers))
            }
        };
        let dimension = self.shape.dimension as i32;
        let list = FixedSizeListArray::try_new(self.item(), dimension, numbers, Some(valid.into()));
        columns.push(Arc::new(list.map_err(internal)?));
        if self.shape.vector_type == VectorType::Int8 {
            columns.push(Arc::new(Float32Array::from(scales)));
        }
        Ok(())
    }

    /// Returns the ids of text files and of JSONL. The first window decides on their type.
    fn ids(&mut self, rows: &[Row]) -> Result<ArrayRef> {
        let id_type = *self.id_type.get_or_insert_with(|| first_type(rows));
        let mut numbers = Vec::new();
        for row in rows {
            let fits = match (&row.id, id_type) {
                (None, _) => true,
                (Some(Id::Text(_)), id_type) => id_type == IdType::Text,
                (Some(Id::Number(id)), IdType::Int64) => i64::try_from(*id).is_ok(),
                (Some(Id::Number(id)), IdType::UInt64) => u64::try_from(*id).is_ok(),
                (Some(Id::Number(_)), IdType::Text) => false,
            };
            if let (Some(id), false) = (&row.id, fits) {
                fail!(
                    InvalidArgument,
                    "{} has the id {}, but the first ids are {}; a column of Parquet or Arrow has one type: give all \
                     ids as texts, or write .npy or JSONL",
                    row.place,
                    id.json(),
                    match id_type {
                        IdType::Int64 => "signed whole numbers of 64 bits",
                        IdType::UInt64 => "whole numbers from 0 on",
                        IdType::Text => "texts",
                    }
                );
            }
            numbers
                .push(row.id.as_ref().and_then(|id| if let Id::Number(id) = id { Some(*id) } else { None }));
        }
        Ok(match id_type {
            IdType::Int64 => {
                Arc::new(numbers.iter().map(|id| id.map(|id| id as i64)).collect::<Int64Array>())
            }
            IdType::UInt64 => {
                Arc::new(numbers.iter().map(|id| id.map(|id| id as u64)).collect::<UInt64Array>())
            }
            IdType::Text => {
                let texts = rows.iter().map(|row| row.id.as_ref().map(ToString::to_string));
                Arc::new(texts.collect::<StringArray>())
            }
        })
    }
}

fn first_type(rows: &[Row]) -> IdType {
    let mut numbers = rows.iter().filter_map(|row| match row.id {
        Some(Id::Number(id)) => Some(id),
        _ => None,
    });
    let Some(first) = numbers.next() else { return IdType::Text };
    if numbers.chain([first]).any(|id| id > i64::MAX.into()) { IdType::UInt64 } else { IdType::Int64 }
}

/// Returns a column of a table with a header.
fn cells(window: &Window, at: usize) -> ArrayRef {
    let cells = window.rows.iter().map(|row| match &row.content {
        Content::Cells(cells) => cells.get(at).map(String::as_str),
        _ => None,
    });
    Arc::new(cells.collect::<StringArray>())
}
