//! JSONL: the fields of a row, and its vector as `embedding`.

use corom::error::{Error, ErrorCode, Result};
use half::f16;
use serde::Serialize;

#[cfg(feature = "columnar")]
use super::columns;
use super::{Encoder, Shape, Sink};
use crate::embed::row::{BadRow, Content, Window, json_string};
use crate::embed::vectors::{VectorType, Vectors, quantize};
use crate::fail;

/// The fields that are added.
const EMBEDDING: &str = "embedding";
const SCALE: &str = "scale";

/// A record per row. Numbers read back as the same 32-bit floats.
pub(super) struct JsonLines {
    shape: Shape,
    /// The names of the columns as JSON.
    names: Vec<String>,
}

impl JsonLines {
    /// Writes rows of a shape.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if two columns have one name, or one has the name of a field that is added.
    pub(super) fn new(shape: Shape) -> Result<Self> {
        #[cfg(feature = "columnar")]
        if let Some(schema) = &shape.schema {
            columns::json::check(schema)?;
        }
        let names = shape.names.clone().unwrap_or_default();
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                fail!(InvalidArgument, "the header has `{name}` twice; a JSON record cannot have both");
            }
            if name == EMBEDDING || name == SCALE {
                fail!(
                    InvalidArgument,
                    "the header has `{name}`, which is the field of the vector; rename the column"
                );
            }
        }
        Ok(Self { names: names.iter().map(|name| json_string(name)).collect(), shape })
    }

    /// Returns the record without its last brace.
    fn fields(&self, window: &Window, at: usize) -> String {
        let row = &window.rows[at];
        match &row.content {
            #[cfg(feature = "columnar")]
            Content::Columns => {
                let fields = window.batch.as_ref().map(|batch| columns::json::fields(batch, at));
                format!("{{{}", fields.unwrap_or_default())
            }
            Content::Cells(cells) => {
                let fields =
                    self.names.iter().zip(cells).map(|(name, cell)| format!("{name}:{}", json_string(cell)));
                format!("{{{}", fields.collect::<Vec<_>>().join(","))
            }
            Content::Json(line) => {
                // The text field makes the object non-empty.
                let object = line.strip_suffix('}').unwrap_or(line).trim_end();
                object.to_owned()
            }
            Content::Bad(BadRow { place, reason }) => {
                format!(r#"{{"place":{},"error":{}"#, json_string(place), json_string(reason))
            }
            _ => {
                let id = row.id.as_ref().filter(|_| self.shape.has_ids);
                let id = id.map_or_else(String::new, |id| format!("\"id\":{},", id.json()));
                format!(r#"{{{id}"text":{}"#, json_string(row.text.as_deref().unwrap_or_default()))
            }
        }
    }
}

impl Encoder for JsonLines {
    fn write(&mut self, window: &Window, vectors: &Vectors, sink: &mut dyn Sink) -> Result<()> {
        let mut bytes = Vec::new();
        for (at, vector) in vectors.rows(window).enumerate() {
            bytes.extend(self.fields(window, at).bytes());
            bytes.extend(b",\"embedding\":");
            match (vector, self.shape.vector_type) {
                (None, _) => bytes.extend(b"null"),
                (Some(vector), VectorType::F32) => numbers(&mut bytes, vector)?,
                (Some(vector), VectorType::F16) => {
                    let halves: Vec<f32> = vector.iter().map(|x| f16::from_f32(*x).to_f32()).collect();
                    numbers(&mut bytes, &halves)?;
                }
                (Some(vector), VectorType::Int8) => {
                    let (scale, vector) = quantize(vector);
                    numbers(&mut bytes, &vector.collect::<Vec<_>>())?;
                    bytes.extend(b",\"scale\":");
                    numbers(&mut bytes, &scale)?;
                }
            }
            bytes.extend(b"}\n");
        }
        sink.append(0, &bytes)
    }
}

fn numbers(bytes: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<()> {
    serde_json::to_writer(bytes, value)
        .map_err(|e| Error::with_source(ErrorCode::Internal, format!("a vector cannot be written: {e}"), e))
}
