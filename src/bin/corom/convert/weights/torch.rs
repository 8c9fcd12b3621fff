//! From a PyTorch pickle to a list of tensors: what both of its file formats share.

use std::collections::{BTreeMap, BTreeSet};

use corom::error::{Error, ErrorCode, Result};

use super::pickle::{Id, Pickle, Value};
use super::{Dtype, TensorView};
use crate::fail;

/// A storage as a pickle refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StorageRef {
    /// Its name in the file.
    pub(crate) key: String,
    /// The number type; `None` for untyped bytes, whose tensors say it themselves.
    pub(crate) dtype: Option<Dtype>,
    /// How many elements it has (bytes, when it is untyped).
    pub(crate) elements: u64,
    /// The legacy format's view: where in the named storage this one starts.
    pub(crate) view_offset: u64,
}

/// A tensor as a pickle describes it.
#[derive(Debug)]
pub(crate) struct TensorRef {
    pub(crate) storage: StorageRef,
    dtype: Dtype,
    offset: u64,
    shape: Vec<u64>,
    strides: Vec<u64>,
}

impl TensorRef {
    /// The tensor's place in the file, given where its storage's numbers start
    /// and how many bytes of them there are.
    pub(crate) fn place(&self, storage_start: u64, storage_bytes: u64) -> Result<TensorView> {
        let Some(offset) = self.offset.checked_add(self.storage.view_offset) else {
            fail!(InvalidCheckpoint, "its place in its storage is past all bounds");
        };
        Ok(TensorView {
            dtype: self.dtype,
            shape: self.shape.clone(),
            strides: self.strides.clone(),
            offset,
            storage_start,
            storage_elements: storage_bytes / self.dtype.size(),
        })
    }
}

/// The tensors of a state dict by name. Looks into `{"state_dict": …}` and
/// `{"model": …}`, as training scripts save them; other entries are settings
/// (an epoch, an optimiser) and are passed over.
pub(crate) fn state_dict(pickle: &Pickle) -> Result<BTreeMap<String, TensorRef>> {
    let mut at = pickle.root();
    let mut seen = BTreeSet::new();
    loop {
        let Value::Dict(entries) = pickle.get(at) else {
            fail!(InvalidCheckpoint, "it holds no state dict (a dictionary of names and tensors)");
        };
        let mut tensors = BTreeMap::new();
        for &(key, value) in entries {
            if let Some(name) = pickle.text(key)
                && let Some(tensor) = tensor(pickle, value)
                    .map_err(|e| Error::new(e.code(), format!("`{}`: {e}", name.escape_debug())))?
            {
                tensors.insert(name.to_owned(), tensor);
            }
        }
        if !tensors.is_empty() {
            return Ok(tensors);
        }
        let nested = ["state_dict", "model_state_dict", "model", "module"].iter().find_map(|wanted| {
            entries.iter().rev().find(|(key, _)| pickle.text(*key) == Some(wanted)).map(|(_, value)| *value)
        });
        match nested {
            Some(inner) if seen.insert(inner) => at = inner,
            _ => fail!(InvalidCheckpoint, "it holds no tensors, or not where a state dict has them"),
        }
    }
}

/// Understands `_rebuild_tensor_v2(storage, offset, shape, strides, …)` and its
/// variants; `None` for a value that is no tensor.
fn tensor(pickle: &Pickle, mut id: Id) -> Result<Option<TensorRef>> {
    // A parameter wraps a tensor; nobody wraps one more than a few times.
    for _ in 0..8 {
        let Value::Call { function, arguments } = pickle.get(id) else { return Ok(None) };
        let (Some(function), Some(arguments)) = (pickle.global(*function), pickle.items(*arguments)) else {
            return Ok(None);
        };
        match (function.rsplit('.').next(), arguments) {
            (Some("_rebuild_tensor" | "_rebuild_tensor_v2"), [storage, offset, shape, strides, ..]) => {
                return rebuild(pickle, [*storage, *offset, *shape, *strides], None).map(Some);
            }
            (Some("_rebuild_tensor_v3"), [storage, offset, shape, strides, _, _, dtype, ..]) => {
                return rebuild(pickle, [*storage, *offset, *shape, *strides], Some(*dtype)).map(Some);
            }
            (Some("_rebuild_parameter" | "_rebuild_parameter_with_state"), [data, ..]) => id = *data,
            (Some("_rebuild_from_type_v2"), [function, _, arguments, ..]) => {
                let (Some(name), Some([storage, offset, shape, strides, rest @ ..])) =
                    (pickle.global(*function), pickle.items(*arguments))
                else {
                    fail!(InvalidCheckpoint, "it is a tensor of an unknown kind");
                };
                let dtype = if name.ends_with("_rebuild_tensor_v3") { rest.get(2).copied() } else { None };
                return rebuild(pickle, [*storage, *offset, *shape, *strides], dtype).map(Some);
            }
            (Some(name), _) if name.starts_with("_rebuild") => {
                fail!(InvalidCheckpoint, "it is a tensor of an unknown kind")
            }
            _ => return Ok(None),
        }
    }
    fail!(InvalidCheckpoint, "it is a tensor wrapped too many times")
}

fn rebuild(
    pickle: &Pickle,
    [storage, offset, shape, strides]: [Id; 4],
    dtype: Option<Id>,
) -> Result<TensorRef> {
    let Value::Persistent(description) = pickle.get(storage) else {
        fail!(InvalidCheckpoint, "it has no storage");
    };
    let storage = storage_ref(pickle, *description)?;
    let numbers =
        |id| -> Option<Vec<u64>> { pickle.items(id)?.iter().map(|&item| pickle.unsigned(item)).collect() };
    let named =
        dtype.and_then(|id| pickle.global(id)).and_then(|name| dtype_of(name.strip_prefix("torch.")?));
    let (Some(offset), Some(shape), Some(strides), Some(dtype)) =
        (pickle.unsigned(offset), numbers(shape), numbers(strides), named.or(storage.dtype))
    else {
        fail!(InvalidCheckpoint, "its place, shape or number type cannot be read");
    };
    if shape.len() > 8 {
        fail!(InvalidCheckpoint, "it has {} axes", shape.len());
    }
    Ok(TensorRef { storage, dtype, offset, shape, strides })
}

/// Every storage that a pickle refers to, those of no tensor in the state dict among them.
pub(crate) fn storages(pickle: &Pickle) -> Result<Vec<StorageRef>> {
    pickle
        .values()
        .filter_map(|value| match value {
            Value::Persistent(description) => Some(storage_ref(pickle, *description)),
            _ => None,
        })
        .collect()
}

/// `("storage", class, key, device, elements[, view])`.
fn storage_ref(pickle: &Pickle, description: Id) -> Result<StorageRef> {
    let [kind, class, key, _device, elements, rest @ ..] = pickle.items(description).unwrap_or_default()
    else {
        fail!(InvalidCheckpoint, "its storage is not described as PyTorch does");
    };
    let (Some("storage"), Some(class), Some(key), Some(elements)) =
        (pickle.text(*kind), pickle.global(*class), pickle.text(*key), pickle.unsigned(*elements))
    else {
        fail!(InvalidCheckpoint, "its storage is not described as PyTorch does");
    };
    let class = class.rsplit('.').next().unwrap_or(class);
    let dtype = dtype_of(class.strip_suffix("Storage").unwrap_or(class));
    if dtype.is_none() && class != "UntypedStorage" {
        fail!(InvalidCheckpoint, "its storage is a `{class}`, which corom does not read");
    }
    // Only the legacy format writes a view: (key, offset, elements) or None.
    let view_offset = match rest.first().map(|&view| (pickle.get(view), pickle.items(view))) {
        None | Some((Value::None, _)) => 0,
        Some((_, Some([_, offset, _]))) if pickle.unsigned(*offset).is_some() => {
            pickle.unsigned(*offset).unwrap_or_default()
        }
        Some(_) => fail!(InvalidCheckpoint, "its view of a storage is not described as PyTorch does"),
    };
    Ok(StorageRef { key: key.to_owned(), dtype, elements, view_offset })
}

/// The number type by its name in `torch.…` or in a storage class.
fn dtype_of(name: &str) -> Option<Dtype> {
    Some(match name {
        "Double" | "float64" | "double" => Dtype::F64,
        "Float" | "float32" | "float" => Dtype::F32,
        "Half" | "float16" | "half" => Dtype::F16,
        "BFloat16" | "bfloat16" => Dtype::BF16,
        "Long" | "int64" | "long" | "uint64" => Dtype::Other(8),
        "Int" | "int32" | "int" | "uint32" => Dtype::Other(4),
        "Short" | "int16" | "short" | "uint16" => Dtype::Other(2),
        "Char" | "Byte" | "Bool" | "int8" | "uint8" | "bool" => Dtype::Other(1),
        _ => return None,
    })
}

/// An error for a storage that the pickle names and the file does not have.
pub(crate) fn missing_storage(key: &str) -> Error {
    Error::new(
        ErrorCode::InvalidCheckpoint,
        format!("its numbers (storage `{}`) are not in the file", key.escape_debug()),
    )
}
