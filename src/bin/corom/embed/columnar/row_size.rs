//! The size of a row in memory, by its values alone: a window that is read again after a crash ends at the same row.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

/// Returns the bytes of a row's values.
pub(in crate::embed) fn row_bytes(batch: &RecordBatch, row: usize) -> usize {
    batch.columns().iter().map(|column| value_bytes(&**column, row)).sum()
}

fn value_bytes(array: &dyn Array, row: usize) -> usize {
    if array.is_null(row) {
        return 1;
    }
    let all = |child: &dyn Array, begin: usize, end: usize| -> usize {
        match child.data_type().primitive_width() {
            Some(width) => width * (end - begin),
            None => (begin..end).map(|row| value_bytes(child, row)).sum(),
        }
    };
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).len(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).len(),
        DataType::Utf8View => array.as_string_view().value(row).len(),
        DataType::Binary => array.as_binary::<i32>().value(row).len(),
        DataType::LargeBinary => array.as_binary::<i64>().value(row).len(),
        DataType::BinaryView => array.as_binary_view().value(row).len(),
        DataType::FixedSizeBinary(width) => *width as usize,
        DataType::Dictionary(..) => {
            let array = array.as_any_dictionary();
            integer(array.keys(), row).map_or(1, |key| value_bytes(&**array.values(), key as usize))
        }
        DataType::List(_) => {
            let (list, ends) = (array.as_list::<i32>(), array.as_list::<i32>().value_offsets());
            all(&**list.values(), ends[row] as usize, ends[row + 1] as usize)
        }
        DataType::LargeList(_) => {
            let (list, ends) = (array.as_list::<i64>(), array.as_list::<i64>().value_offsets());
            all(&**list.values(), ends[row] as usize, ends[row + 1] as usize)
        }
        DataType::Map(..) => {
            let (map, ends) = (array.as_map(), array.as_map().value_offsets());
            all(map.entries(), ends[row] as usize, ends[row + 1] as usize)
        }
        DataType::FixedSizeList(_, count) => {
            let (list, count) = (array.as_fixed_size_list(), *count as usize);
            let begin = list.value_offset_at(row);
            all(&**list.values(), begin, begin + count)
        }
        DataType::Struct(_) => array.as_struct().columns().iter().map(|c| value_bytes(&**c, row)).sum(),
        other => other.primitive_width().unwrap_or(1),
    }
}

/// Returns a whole number: none for null, and for an array of another type.
pub(in crate::embed) fn integer(array: &dyn Array, row: usize) -> Option<i128> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        _ => return None,
    })
}
