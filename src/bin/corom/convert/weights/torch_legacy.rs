//! PyTorch's legacy format (before 1.6): four pickles (a magic number, the
//! protocol version, the writer's machine, the object), the list of storage
//! keys, then each storage: an i64 element count and its raw numbers.

use std::collections::BTreeMap;
use std::io::{BufRead, Seek};

use corom::error::{Error, Result};

use super::pickle::{Pickle, Value};
use super::torch::{missing_storage, state_dict, storages};
use super::{Dtype, TensorView, unreadable};
use crate::fail;

/// 0x1950a86a20f9469cfc6c, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const PROTOCOL: i64 = 1001;
/// Lists the tensors.
pub(crate) fn list(
    reader: &mut (impl BufRead + Seek),
    file_length: u64,
) -> Result<BTreeMap<String, TensorView>> {
    let mut next = || Pickle::read(reader);
    let magic = next()?;
    if magic.get(magic.root()) != &Value::Long(MAGIC.to_vec()) {
        fail!(
            InvalidCheckpoint,
            "this is a pickle, and not one of PyTorch's: its magic number is missing. \
             Save the weights with torch.save(model.state_dict(), …)"
        );
    }
    let protocol = next()?;
    if protocol.get(protocol.root()) != &Value::Int(PROTOCOL) {
        fail!(InvalidCheckpoint, "it is of an unknown version of PyTorch's legacy format");
    }
    check_machine(&next()?)?;
    let object = next()?;
    let keys = next()?;

    let tensors = state_dict(&object)?;
    // The element count is in elements, so the type must be known: a storage
    // that no listed tensor uses (an optimiser's) has one all the same.
    let types: BTreeMap<String, Dtype> =
        storages(&object)?.into_iter().filter_map(|s| Some((s.key, s.dtype?))).collect();
    let mut places = BTreeMap::new();
    let mut at = reader.stream_position().map_err(unreadable)?;
    for &key in keys.items(keys.root()).unwrap_or_default() {
        let Some((key, dtype)) = keys.text(key).and_then(|key| Some((key, types.get(key)?))) else {
            fail!(InvalidCheckpoint, "its list of storages names one that nothing refers to");
        };
        let mut count = [0; 8];
        reader.seek(std::io::SeekFrom::Start(at)).map_err(unreadable)?;
        reader.read_exact(&mut count).map_err(unreadable)?;
        let start = at + 8;
        let bytes = u64::from_le_bytes(count).checked_mul(dtype.size());
        at = match bytes.and_then(|bytes| bytes.checked_add(start)) {
            Some(end) if end <= file_length => end,
            _ => fail!(InvalidCheckpoint, "it ends in the middle of a storage's numbers: it was cut"),
        };
        places.insert(key.to_owned(), (start, at - start));
    }

    let mut views = BTreeMap::new();
    for (name, tensor) in tensors {
        let view = match places.get(&tensor.storage.key) {
            Some(&(start, bytes)) => tensor.place(start, bytes),
            None => Err(missing_storage(&tensor.storage.key)),
        };
        let view = view.map_err(|e| Error::new(e.code(), format!("`{name}`: {e}")))?;
        views.insert(name, view);
    }
    Ok(views)
}

/// The writer's machine: `{"protocol_version": …, "little_endian": True, …}`.
fn check_machine(pickle: &Pickle) -> Result<()> {
    if let Value::Dict(entries) = pickle.get(pickle.root())
        && entries.iter().any(|&(key, value)| {
            pickle.text(key) == Some("little_endian") && pickle.get(value) == &Value::Bool(false)
        })
    {
        fail!(InvalidCheckpoint, "its numbers are in big-endian byte order; corom reads little-endian");
    }
    Ok(())
}
