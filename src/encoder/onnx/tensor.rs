//! Converts a `TensorProto` to a tract tensor. Every float becomes f32, so that the graph has one float type:
//! tract's CPU kernels are slow in f16, WebAssembly has no f16, and f16 is too inexact for the sums of a
//! LayerNorm.

use super::pb::DataType;
use super::pb::TensorProto;
use crate::encoder::graph::prelude::*;
use half::{bf16, f16};

use super::external::ExternalData;
use super::tensor_info::{byte_size, dims};
use crate::encoder::quantize::int4::unpack_u4;
use crate::error::{Result, fail};

/// Converts a tensor. Takes its bytes out of the message, or from `external`.
///
/// # Errors
/// `INVALID_MODEL` if the number of bytes does not match the shape, `UNSUPPORTED_MODEL` for an unsupported
/// type, and those of [`ExternalData::read`].
pub(super) fn load(tensor: &mut TensorProto, external: &mut ExternalData) -> Result<Tensor> {
    let (shape, count) = dims(tensor)?;
    let stored = byte_size(tensor)?;
    let data_type = tensor.data_type;
    if let Some(value) = external.read(tensor, |bytes| from_bytes(data_type, &shape, bytes))? {
        return Ok(value);
    }
    let raw = std::mem::take(&mut tensor.raw_data);
    if !raw.is_empty() {
        if raw.len() as u64 != stored {
            fail!(
                InvalidModel,
                "tensor `{}` of shape {:?} has {} bytes; expected {}",
                tensor.name,
                tensor.dims,
                raw.len(),
                stored
            );
        }
        return from_bytes(data_type, &shape, &raw);
    }
    from_fields(tensor, &shape, count)
}

/// Converts little-endian bytes, whose number the caller has compared with the shape.
pub(super) fn from_bytes(data_type: i32, shape: &[usize], bytes: &[u8]) -> Result<Tensor> {
    Ok(match DataType::try_from(data_type) {
        Ok(DataType::Float) => copy_bytes(DatumType::F32, shape, bytes)?,
        Ok(DataType::Int64) => copy_bytes(DatumType::I64, shape, bytes)?,
        Ok(DataType::Int32) => copy_bytes(DatumType::I32, shape, bytes)?,
        Ok(DataType::Int16) => copy_bytes(DatumType::I16, shape, bytes)?,
        Ok(DataType::Uint16) => copy_bytes(DatumType::U16, shape, bytes)?,
        Ok(DataType::Int8) => copy_bytes(DatumType::I8, shape, bytes)?,
        Ok(DataType::Uint8) => copy_bytes(DatumType::U8, shape, bytes)?,
        Ok(kind @ (DataType::Int4 | DataType::Uint4)) => unpack_4bit(kind, shape, bytes)?,
        Ok(DataType::Bool) => collect(shape, bytes.iter().map(|&b| b != 0))?,
        Ok(DataType::Float16) => {
            collect(shape, bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()))?
        }
        Ok(DataType::Bfloat16) => {
            collect(shape, bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32()))?
        }
        Ok(DataType::Double) => {
            collect(shape, bytes.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b) as f32))?
        }
        _ => fail!(InvalidModel, "a tensor has the unsupported type {data_type}"),
    })
}

/// Converts a tensor whose elements are in the fields `…_data` instead of `raw_data`.
fn from_fields(tensor: &mut TensorProto, shape: &[usize], count: u64) -> Result<Tensor> {
    let fits = |len: usize| -> Result<()> {
        if len as u64 != count {
            fail!(
                InvalidModel,
                "tensor `{}` of shape {:?} has {len} elements; expected {count}",
                tensor.name,
                tensor.dims
            );
        }
        Ok(())
    };
    let ints = &tensor.int32_data;
    match DataType::try_from(tensor.data_type) {
        Ok(DataType::Float) => {
            fits(tensor.float_data.len())?;
            collect(shape, tensor.float_data.iter().copied())
        }
        Ok(DataType::Double) => {
            fits(tensor.double_data.len())?;
            collect(shape, tensor.double_data.iter().map(|&x| x as f32))
        }
        Ok(DataType::Int64) => {
            fits(tensor.int64_data.len())?;
            collect(shape, tensor.int64_data.iter().copied())
        }
        // Each entry is a byte with two elements.
        Ok(kind @ (DataType::Int4 | DataType::Uint4)) if ints.len() as u64 == count.div_ceil(2) => {
            unpack_4bit(kind, shape, &ints.iter().map(|&x| x as u8).collect::<Vec<u8>>())
        }
        Ok(kind) => {
            fits(ints.len())?;
            match kind {
                DataType::Int32 => collect(shape, ints.iter().copied()),
                DataType::Int16 => collect(shape, ints.iter().map(|&x| x as i16)),
                DataType::Uint16 => collect(shape, ints.iter().map(|&x| x as u16)),
                DataType::Int8 => collect(shape, ints.iter().map(|&x| x as i8)),
                DataType::Uint8 => collect(shape, ints.iter().map(|&x| x as u8)),
                DataType::Bool => collect(shape, ints.iter().map(|&x| x != 0)),
                DataType::Float16 => collect(shape, ints.iter().map(|&x| f16::from_bits(x as u16).to_f32())),
                DataType::Bfloat16 => {
                    collect(shape, ints.iter().map(|&x| bf16::from_bits(x as u16).to_f32()))
                }
                _ => fail!(
                    InvalidModel,
                    "tensor `{}` has the unsupported type {}",
                    tensor.name,
                    format!("{kind:?}").to_uppercase()
                ),
            }
        }
        Err(_) => fail!(InvalidModel, "tensor `{}` has an unknown type", tensor.name),
    }
}

/// Copies elements that have the same bytes in memory: WebAssembly and all supported processors are
/// little-endian.
fn copy_bytes(datum_type: DatumType, shape: &[usize], bytes: &[u8]) -> Result<Tensor> {
    let mut tensor = Tensor::zero_dt(datum_type, shape).map_err(allocation)?;
    let target = tensor.as_bytes_mut();
    if target.len() != bytes.len() {
        fail!(
            InvalidModel,
            "a tensor of shape {shape:?} has {} bytes; expected {}",
            bytes.len(),
            target.len()
        );
    }
    target.copy_from_slice(bytes);
    Ok(tensor)
}

/// Unpacks two elements per byte, low half first. Each element becomes one byte.
fn unpack_4bit(kind: DataType, shape: &[usize], bytes: &[u8]) -> Result<Tensor> {
    let count = shape.iter().product();
    let elements = unpack_u4(bytes).take(count);
    if kind == DataType::Uint4 {
        collect(shape, elements)
    } else {
        collect(shape, elements.map(|x| (x << 4).cast_signed() >> 4))
    }
}

/// Makes a tensor from elements.
fn collect<T: Datum + Copy>(shape: &[usize], values: impl Iterator<Item = T>) -> Result<Tensor> {
    Tensor::from_shape(shape, &values.collect::<Vec<T>>()).map_err(allocation)
}

/// Converts tract's error about a new tensor.
fn allocation(error: TractError) -> crate::error::Error {
    crate::error::Error::with_source(
        crate::error::ErrorCode::InvalidModel,
        format!("a tensor cannot be made: {error}"),
        error,
    )
}
