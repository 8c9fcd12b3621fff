//! The type, the shape and the size of a `TensorProto`, checked.

use super::pb::{DataType, TensorProto};
use crate::encoder::graph::prelude::*;
use crate::error::{Result, fail};

/// The most axes of a tensor or value.
pub(super) const MAX_RANK: usize = 8;
/// The most elements of a tensor: more do not fit into the memory of WebAssembly.
const MAX_ELEMENTS: u64 = 1 << 30;

/// Returns the type that a tensor of an ONNX `data_type` has in tract's graph: f32 for every float type, one
/// byte for 4-bit integers. `None` for types that no BERT export uses.
pub(super) fn graph_type(data_type: i32) -> Option<DatumType> {
    Some(match DataType::try_from(data_type).ok()? {
        DataType::Float | DataType::Float16 | DataType::Bfloat16 | DataType::Double => DatumType::F32,
        DataType::Int64 => DatumType::I64,
        DataType::Int32 => DatumType::I32,
        DataType::Int8 | DataType::Int4 => DatumType::I8,
        DataType::Uint8 | DataType::Uint4 => DatumType::U8,
        DataType::Int16 => DatumType::I16,
        DataType::Uint16 => DatumType::U16,
        DataType::Bool => DatumType::Bool,
        _ => return None,
    })
}

/// Returns true if an ONNX `data_type` is a 4-bit integer.
pub(super) fn has_four_bits(data_type: i32) -> bool {
    matches!(DataType::try_from(data_type), Ok(DataType::Int4 | DataType::Uint4))
}

/// Returns the shape of a tensor and its number of elements.
///
/// # Errors
/// `INVALID_MODEL` if it has too many axes or elements, or a negative length.
pub(super) fn dims(tensor: &TensorProto) -> Result<(Vec<usize>, u64)> {
    let name = &tensor.name;
    if tensor.dims.len() > MAX_RANK {
        fail!(
            InvalidModel,
            "tensor `{name}` has {} axes; at most {MAX_RANK} are supported",
            tensor.dims.len()
        );
    }
    // Without the lengths of 0: the product of any axes then fits into 32 bits.
    let mut product = 1u64;
    let mut dims = Vec::with_capacity(tensor.dims.len());
    for &dim in &tensor.dims {
        match u64::try_from(dim).ok().and_then(|dim| product.checked_mul(dim.max(1))) {
            Some(next) if next <= MAX_ELEMENTS => product = next,
            _ => fail!(InvalidModel, "tensor `{name}` has the invalid shape {:?}", tensor.dims),
        }
        dims.push(dim as usize);
    }
    let count = if dims.contains(&0) { 0 } else { product };
    Ok((dims, count))
}

/// Returns the bits of a stored element.
fn stored_bits(tensor: &TensorProto) -> Result<u64> {
    Ok(match DataType::try_from(tensor.data_type) {
        Ok(DataType::Float | DataType::Int32) => 32,
        Ok(DataType::Int64 | DataType::Double) => 64,
        Ok(DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16) => 16,
        Ok(DataType::Int8 | DataType::Uint8 | DataType::Bool) => 8,
        Ok(DataType::Int4 | DataType::Uint4) => 4,
        Ok(other) => fail!(
            UnsupportedModel,
            "tensor `{}` has the type {}; supported types are float, float16, bfloat16, double, int64, int32, \
             int16, uint16, int8, uint8, int4, uint4 and bool",
            tensor.name,
            format!("{other:?}").to_uppercase()
        ),
        Err(_) => {
            fail!(InvalidModel, "tensor `{}` has the unknown type {}", tensor.name, tensor.data_type)
        }
    })
}

/// Returns the shape of a tensor. See [`dims`].
pub(super) fn shape(tensor: &TensorProto) -> Result<Vec<usize>> {
    Ok(dims(tensor)?.0)
}

/// Returns the number of elements of a tensor. See [`dims`].
pub(super) fn count(tensor: &TensorProto) -> Result<u64> {
    Ok(dims(tensor)?.1)
}

/// Returns the bytes of a tensor in a file.
pub(super) fn byte_size(tensor: &TensorProto) -> Result<u64> {
    Ok((dims(tensor)?.1 * stored_bits(tensor)?).div_ceil(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(dims: &[i64]) -> Option<u64> {
        super::count(&TensorProto { dims: dims.to_vec(), ..TensorProto::default() }).ok()
    }

    #[test]
    fn shapes_whose_product_wraps_around_in_32_bits_are_rejected() {
        // 65536 · 65537 is 65536 in 32 bits, and 2^30 · 4 is 0.
        for dims in [&[65536, 65537][..], &[1 << 30, 4], &[0, 1 << 20, 1 << 20], &[1 << 20, 1 << 20, 0]] {
            assert_eq!(count(dims), None, "{dims:?}");
        }
        assert_eq!(count(&[-1]), None);
        assert_eq!(count(&[1 << 15, 1 << 15]), Some(1 << 30));
        assert_eq!(count(&[0, 1 << 20]), Some(0));
        assert_eq!(count(&[]), Some(1));
    }
}
