//! Lists the tensors of a safetensors file. Only the header of the file is read.

use std::collections::BTreeMap;
use std::io::Read;

use safetensors::tensor::Metadata;

use super::tensor_view::{ElementType, TensorView};
use crate::checkpoint_file::file_reader::read_error;
use crate::error::{Error, ErrorCode, Result, fail};

/// The largest header that is read. The header of a BERT is far smaller; the format allows 100 MB.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Lists the tensors by the header, which the `safetensors` crate parses.
pub(super) fn list(reader: &mut impl Read, file_length: u64) -> Result<BTreeMap<String, TensorView>> {
    let mut length = [0; 8];
    reader.read_exact(&mut length).map_err(read_error)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER_BYTES || length + 8 > file_length {
        fail!(
            InvalidCheckpoint,
            "the file states a header of {length} bytes; expected at most {MAX_HEADER_BYTES}, within the file's \
             {file_length}. The file was cut, or it is not safetensors"
        );
    }
    let mut header = vec![0; length as usize];
    reader.read_exact(&mut header).map_err(read_error)?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| {
        let message = format!("the header is not valid safetensors: {e}");
        Error::with_source(ErrorCode::InvalidCheckpoint, message, e)
    })?;
    let start = length + 8;
    let mut views = BTreeMap::new();
    for (name, info) in metadata.tensors() {
        let element_type = match info.dtype {
            safetensors::Dtype::F64 => ElementType::F64,
            safetensors::Dtype::F32 => ElementType::F32,
            safetensors::Dtype::F16 => ElementType::F16,
            safetensors::Dtype::BF16 => ElementType::BF16,
            safetensors::Dtype::I64 | safetensors::Dtype::U64 => ElementType::Other(8),
            safetensors::Dtype::I32 | safetensors::Dtype::U32 => ElementType::Other(4),
            safetensors::Dtype::I16 | safetensors::Dtype::U16 => ElementType::Other(2),
            safetensors::Dtype::I8 | safetensors::Dtype::U8 | safetensors::Dtype::BOOL => {
                ElementType::Other(1)
            }
            other => {
                fail!(
                    InvalidCheckpoint,
                    "`{name}` has the type {other:?}; corom reads F64, F32, F16 and BF16"
                )
            }
        };
        let shape: Vec<u64> = info.shape.iter().map(|&d| d as u64).collect();
        let (from, to) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
        let view = start.checked_add(from).and_then(|at| TensorView::contiguous(element_type, shape, at));
        match view {
            Some(view) if view.storage_elements.checked_mul(element_type.size()) == to.checked_sub(from) => {
                views.insert(name, view);
            }
            _ => fail!(
                InvalidCheckpoint,
                "`{name}`: the header gives it bytes {from} to {to}, which is not the size of its shape"
            ),
        }
    }
    Ok(views)
}
