//! Lists the tensors of a safetensors file; only its header is read.

use std::collections::BTreeMap;
use std::io::Read;

use corom::error::{Error, ErrorCode, Result};
use safetensors::Dtype as Kind;
use safetensors::tensor::Metadata;

use super::{Dtype, TensorView, unreadable};
use crate::fail;

/// No header of a BERT is near it (the format's own limit is 100 MB).
const MAX_HEADER: u64 = 16 << 20;

/// Lists the tensors by the header, which the `safetensors` crate reads.
pub(crate) fn list(reader: &mut impl Read, file_length: u64) -> Result<BTreeMap<String, TensorView>> {
    let mut length = [0; 8];
    reader.read_exact(&mut length).map_err(unreadable)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER || length + 8 > file_length {
        fail!(
            InvalidCheckpoint,
            "its header is {length} bytes long by its own account: it is cut or no safetensors"
        );
    }
    let mut header = vec![0; length as usize];
    reader.read_exact(&mut header).map_err(unreadable)?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| {
        Error::with_source(ErrorCode::InvalidCheckpoint, format!("its header is not safetensors': {e}"), e)
    })?;
    let start = length + 8;
    let mut views = BTreeMap::new();
    for (name, info) in metadata.tensors() {
        let dtype = match info.dtype {
            Kind::F64 => Dtype::F64,
            Kind::F32 => Dtype::F32,
            Kind::F16 => Dtype::F16,
            Kind::BF16 => Dtype::BF16,
            Kind::I64 | Kind::U64 => Dtype::Other(8),
            Kind::I32 | Kind::U32 => Dtype::Other(4),
            Kind::I16 | Kind::U16 => Dtype::Other(2),
            Kind::I8 | Kind::U8 | Kind::BOOL => Dtype::Other(1),
            other => {
                fail!(InvalidCheckpoint, "`{name}` is of type {other:?}; corom reads F64, F32, F16 and BF16")
            }
        };
        let shape: Vec<u64> = info.shape.iter().map(|&d| d as u64).collect();
        let (from, to) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
        let view = start.checked_add(from).and_then(|at| TensorView::contiguous(dtype, shape, at));
        match view {
            Some(view) if view.storage_elements.checked_mul(dtype.size()) == to.checked_sub(from) => {
                views.insert(name, view);
            }
            _ => fail!(
                InvalidCheckpoint,
                "`{name}`: its header says bytes {from} to {to}, which is not its shape"
            ),
        }
    }
    Ok(views)
}
