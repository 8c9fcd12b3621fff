//! Columns as the fields of JSON records.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use corom::error::Result;
use serde::Serialize;

use crate::embed::columnar::integer;
use crate::embed::row::json_string;
use crate::fail;

/// Checks that JSON can hold the columns.
///
/// # Errors
/// `INVALID_ARGUMENT` with the name and the type of one that it cannot.
pub(in crate::embed::output) fn check(schema: &Schema) -> Result<()> {
    use DataType::{Boolean, Float16, Float32, Float64, LargeUtf8, Null, Utf8, Utf8View};
    for field in schema.fields() {
        let data_type = field.data_type();
        let fits =
            matches!(data_type, Null | Boolean | Float16 | Float32 | Float64 | Utf8 | LargeUtf8 | Utf8View);
        if !fits && !data_type.is_integer() {
            fail!(
                InvalidArgument,
                "the column `{}` has the type {data_type}, and a JSON record can repeat texts, numbers and booleans; \
                 choose the columns that OUT repeats with --keep, or write Parquet or Arrow",
                field.name()
            );
        }
    }
    Ok(())
}

/// Returns the fields of a row, `"name":value` with commas between them.
pub(in crate::embed::output) fn fields(batch: &RecordBatch, row: usize) -> String {
    let schema = batch.schema();
    let fields = schema.fields().iter().zip(batch.columns());
    let fields =
        fields.map(|(field, column)| format!("{}:{}", json_string(field.name()), value(&**column, row)));
    fields.collect::<Vec<_>>().join(",")
}

fn value(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Float16 => number(array.as_primitive::<Float16Type>().value(row).to_f32()),
        DataType::Float32 => number(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => number(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => json_string(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => json_string(array.as_string::<i64>().value(row)),
        DataType::Utf8View => json_string(array.as_string_view().value(row)),
        _ => integer(array, row).map_or_else(|| "null".to_owned(), |number| number.to_string()),
    }
}

/// Writes a number that reads back as the same number. JSON has no infinity: null.
fn number(number: impl Serialize) -> String {
    serde_json::to_string(&number).unwrap_or_else(|_| "null".to_owned())
}
