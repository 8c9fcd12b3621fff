//! Whole rows of columns as JSON values by name.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use corom::error::Result;
use serde_json::{Map, Value};

use super::super::{InputFormat, Source};
use super::source::Batches;
use crate::embed::columnar::{guarded, integer};
use crate::fail;

/// Rows that are values at the same time.
const ROWS_AT_ONCE: usize = 1024;

/// Passes every row of a Parquet file or an Arrow stream to `visit`: its place, and its values with the names of their
/// columns. Texts, numbers and booleans are values, lists of them arrays, and nulls are left out.
///
/// # Errors
/// The errors of `visit` and of [`Batches`]; `INVALID_ARGUMENT` for a column of another type, or two of one name.
pub(in crate::embed) fn column_rows(
    source: Source,
    name: &str,
    format: InputFormat,
    visit: &mut dyn FnMut((String, Map<String, Value>)) -> Result<()>,
) -> Result<()> {
    let mut batches = match format {
        InputFormat::Parquet => Batches::parquet(source, name)?,
        _ => Batches::arrow(source, name)?,
    };
    let schema = batches.schema();
    let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    if let Some((_, twice)) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
        fail!(InvalidArgument, "{name} has two columns {twice:?}; rename one of them");
    }
    for field in schema.fields() {
        if !is_readable(field.data_type(), true) {
            fail!(
                InvalidArgument,
                "{name}: the column {:?} has the type {}; expected texts, numbers, booleans or lists of them; cast it \
                 or leave it out",
                field.name(),
                field.data_type()
            );
        }
    }
    batches.select((0..names.len()).collect());
    let mut number = 0_u64;
    while let Some(batch) = batches.next(name, number)? {
        for first in (0..batch.num_rows()).step_by(ROWS_AT_ONCE) {
            let part = first..batch.num_rows().min(first + ROWS_AT_ONCE);
            let read = || Ok(part.map(|row| values(&batch, row)).collect::<Vec<_>>());
            for row in guarded(name, read)? {
                match row {
                    Ok(values) => visit((format!("row {number}"), values))?,
                    Err(reason) => fail!(InvalidArgument, "{name}: row {number}: {reason}"),
                }
                number += 1;
            }
        }
    }
    Ok(())
}

/// Returns true for types of values that JSON has. `with_lists`: lists of them too.
fn is_readable(data_type: &DataType, with_lists: bool) -> bool {
    use DataType::{
        Binary, BinaryView, Boolean, Dictionary, FixedSizeList, Float32, Float64, LargeBinary, LargeList,
        LargeUtf8, List, Null, Utf8, Utf8View,
    };
    match data_type {
        Null | Boolean | Float32 | Float64 | Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary
        | BinaryView => true,
        Dictionary(_, values) => is_readable(values, false),
        List(field) | LargeList(field) | FixedSizeList(field, _) => {
            with_lists && is_readable(field.data_type(), false)
        }
        other => other.is_integer(),
    }
}

fn values(batch: &RecordBatch, row: usize) -> Result<Map<String, Value>, String> {
    let mut values = Map::new();
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let read = match column.data_type() {
            DataType::Float32 => price(&**column, row),
            _ => value(&**column, row),
        };
        match read.map_err(|reason| format!("{}: {reason}", field.name()))? {
            Value::Null => {}
            value => {
                values.insert(field.name().clone(), value);
            }
        }
    }
    Ok(values)
}

/// Returns a float of 32 bits with the digits that its writer saw: 9.9, and not 9.899999618530273.
fn price(array: &dyn Array, row: usize) -> Result<Value, String> {
    let exact = value(array, row)?;
    let shortest = exact.as_f64().map(|x| (x as f32).to_string());
    Ok(shortest.and_then(|digits| digits.parse::<f64>().ok()).map_or(exact, Value::from))
}

/// Returns a value. A float that no JSON number can be is an error.
fn value(array: &dyn Array, row: usize) -> Result<Value, String> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    let text = |bytes: &[u8]| match str::from_utf8(bytes) {
        Ok(text) => Ok(Value::from(text)),
        Err(_) => Err("a text that is not UTF-8".to_owned()),
    };
    let float = |x: f64| match x.is_finite() {
        true => Ok(Value::from(x)),
        false => Err(format!("found {x}; expected a finite number")),
    };
    let list = |list: &dyn Array| (0..list.len()).map(|row| value(list, row)).collect();
    match array.data_type() {
        DataType::Boolean => Ok(array.as_boolean().value(row).into()),
        DataType::Float32 => float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Ok(array.as_string::<i32>().value(row).into()),
        DataType::LargeUtf8 => Ok(array.as_string::<i64>().value(row).into()),
        DataType::Utf8View => Ok(array.as_string_view().value(row).into()),
        DataType::Binary => text(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => text(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => text(array.as_binary_view().value(row)),
        DataType::Dictionary(..) => {
            let array = array.as_any_dictionary();
            integer(array.keys(), row).map_or(Ok(Value::Null), |key| value(&**array.values(), key as usize))
        }
        DataType::List(_) => list(&*array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(&*array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => list(&*array.as_fixed_size_list().value(row)),
        _ => match integer(array, row).map(|number| (i64::try_from(number), u64::try_from(number))) {
            Some((Ok(number), _)) => Ok(number.into()),
            Some((_, Ok(number))) => Ok(number.into()),
            _ => Ok(Value::Null),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{Float32Builder, ListBuilder, StringBuilder, StringDictionaryBuilder};
    use arrow_array::types::Int8Type;
    use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, UInt64Array};
    use serde_json::json;

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
            .unwrap()
    }

    #[test]
    fn values_of_columns_are_those_of_json_records() {
        let mut tags = ListBuilder::new(StringBuilder::new());
        tags.append_value([Some("新款"), None, Some("冬")]);
        tags.append_null();
        let mut vectors = ListBuilder::new(Float32Builder::new());
        vectors.append_value([Some(0.1), Some(-2.0)]);
        vectors.append_value([]);
        let mut shops = StringDictionaryBuilder::<Int8Type>::new();
        shops.append_value("东店");
        shops.append_null();
        let batch = batch(vec![
            ("id", Arc::new(UInt64Array::from(vec![u64::MAX, 3]))),
            ("title", Arc::new(BinaryArray::from(vec![Some("裤".as_bytes()), None]))),
            ("price", Arc::new(Float32Array::from(vec![Some(9.9), None]))),
            ("weight", Arc::new(Float64Array::from(vec![0.1, 2.0]))),
            ("stock", Arc::new(BooleanArray::from(vec![true, false]))),
            ("tags", Arc::new(tags.finish())),
            ("embedding", Arc::new(vectors.finish())),
            ("shop", Arc::new(shops.finish())),
        ]);
        assert!(batch.schema_ref().fields().iter().all(|field| is_readable(field.data_type(), true)));
        let expected = json!({
            "id": u64::MAX, "title": "裤", "price": 9.9, "weight": 0.1, "stock": true, "tags": ["新款", null, "冬"],
            "embedding": [f64::from(0.1_f32), -2.0], "shop": "东店"
        });
        assert_eq!(Value::Object(values(&batch, 0).unwrap()), expected);
        let expected = json!({ "id": 3, "weight": 2.0, "stock": false, "embedding": [] });
        assert_eq!(Value::Object(values(&batch, 1).unwrap()), expected);
    }

    #[test]
    fn values_that_json_has_not_are_rejected() {
        let price: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN]));
        assert!(values(&batch(vec![("price", price)]), 0).unwrap_err().contains("price: found NaN"));
        let title: ArrayRef = Arc::new(BinaryArray::from(vec![&[0xFF_u8][..]]));
        assert!(values(&batch(vec![("title", title)]), 0).unwrap_err().contains("title: a text that is not"));
        assert!(!is_readable(&DataType::Date32, true) && !is_readable(&DataType::Decimal128(9, 2), true));
    }
}
