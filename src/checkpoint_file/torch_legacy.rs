//! PyTorch's legacy format (before 1.6).
//!
//! The file has four pickles (a magic number, the protocol version, the system of the writer, the object),
//! a pickle with the list of storage keys, and then each storage: an i64 element count and the raw values.

use std::collections::BTreeMap;
use std::io::{BufRead, Seek, SeekFrom};

use super::pickle::{Pickle, PickleValue};
use super::tensor_view::{ElementType, TensorView};
use super::torch::{missing_storage, state_dict, storages};
use crate::checkpoint_file::file_reader::read_error;
use crate::error::{Error, Result, fail};

/// 0x1950a86a20f9469cfc6c, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const PROTOCOL: i64 = 1001;

/// Lists the tensors.
///
/// # Errors
/// `INVALID_CHECKPOINT` if the file is cut, corrupt or of another format.
pub(super) fn list(
    reader: &mut (impl BufRead + Seek),
    file_length: u64,
) -> Result<BTreeMap<String, TensorView>> {
    let mut next = || Pickle::read(reader);
    let magic = next()?;
    if magic.get(magic.root()) != &PickleValue::Long(MAGIC.to_vec()) {
        fail!(
            InvalidCheckpoint,
            "the file is a pickle without PyTorch's magic number; save the weights with \
             torch.save(model.state_dict(), …)"
        );
    }
    let protocol = next()?;
    if protocol.get(protocol.root()) != &PickleValue::Int(PROTOCOL) {
        fail!(InvalidCheckpoint, "the version of PyTorch's legacy format is unknown; expected {PROTOCOL}");
    }
    check_byte_order(&next()?)?;
    let object = next()?;
    let keys = next()?;

    let tensors = state_dict(&object)?;
    // The element type gives the size of each storage, also of a storage that no tensor of the state dict
    // uses (an optimizer's).
    let types: BTreeMap<String, ElementType> =
        storages(&object)?.into_iter().filter_map(|s| Some((s.key, s.element_type?))).collect();
    let mut places = BTreeMap::new();
    let mut at = reader.stream_position().map_err(read_error)?;
    for &key in keys.items(keys.root()).unwrap_or_default() {
        let Some((key, element_type)) = keys.text(key).and_then(|key| Some((key, types.get(key)?))) else {
            fail!(InvalidCheckpoint, "the list of storages names a storage that no tensor refers to");
        };
        let mut count = [0; 8];
        reader.seek(SeekFrom::Start(at)).map_err(read_error)?;
        reader.read_exact(&mut count).map_err(read_error)?;
        let start = at + 8;
        let bytes = u64::from_le_bytes(count).checked_mul(element_type.size());
        at = match bytes.and_then(|bytes| bytes.checked_add(start)) {
            Some(end) if end <= file_length => end,
            _ => fail!(InvalidCheckpoint, "the file ends in the middle of a storage; it was cut"),
        };
        places.insert(key.to_owned(), (start, at - start));
    }

    let mut views = BTreeMap::new();
    for (name, tensor) in tensors {
        let view = match places.get(&tensor.storage.key) {
            Some(&(start, bytes)) => tensor.view(start, bytes),
            None => Err(missing_storage(&tensor.storage.key)),
        };
        let view = view.map_err(|e| Error::new(e.code(), format!("`{name}`: {e}")))?;
        views.insert(name, view);
    }
    Ok(views)
}

/// Checks the system of the writer: `{"protocol_version": …, "little_endian": True, …}`.
fn check_byte_order(pickle: &Pickle) -> Result<()> {
    if let PickleValue::Dict(entries) = pickle.get(pickle.root())
        && entries.iter().any(|&(key, value)| {
            pickle.text(key) == Some("little_endian") && pickle.get(value) == &PickleValue::Bool(false)
        })
    {
        fail!(InvalidCheckpoint, "the values are in big-endian byte order; corom reads little-endian");
    }
    Ok(())
}
