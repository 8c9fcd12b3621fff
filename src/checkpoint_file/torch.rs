//! Finds the tensors in a PyTorch pickle: the part that PyTorch's two file formats share.

use std::collections::{BTreeMap, BTreeSet};

use super::pickle::{Pickle, PickleValue, ValueId};
use super::tensor_view::{ElementType, TensorView};
use crate::error::{Error, ErrorCode, Result, fail};

/// A storage as a pickle describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PickledStorage {
    /// The name of the storage in the file.
    pub(super) key: String,
    /// The element type; `None` for untyped bytes, whose tensors state the type themselves.
    pub(super) element_type: Option<ElementType>,
    /// The number of elements (of bytes, if the storage is untyped).
    pub(super) elements: u64,
    /// The start of this storage in the named storage, in elements. Only the legacy format has such views.
    pub(super) view_offset: u64,
}

/// A tensor as a pickle describes it.
#[derive(Debug)]
pub(super) struct PickledTensor {
    pub(super) storage: PickledStorage,
    element_type: ElementType,
    offset: u64,
    shape: Vec<u64>,
    strides: Vec<u64>,
}

impl PickledTensor {
    /// Returns the view of the tensor, given the first byte and the size of its storage in the file.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT` if the offset overflows.
    pub(super) fn view(&self, storage_start: u64, storage_bytes: u64) -> Result<TensorView> {
        let Some(offset) = self.offset.checked_add(self.storage.view_offset) else {
            fail!(InvalidCheckpoint, "the offset of the tensor in its storage overflows");
        };
        Ok(TensorView {
            element_type: self.element_type,
            shape: self.shape.clone(),
            strides: self.strides.clone(),
            offset,
            storage_start,
            storage_elements: storage_bytes / self.element_type.size(),
        })
    }
}

/// Returns the tensors of a state dict by name.
///
/// Looks into `{"state_dict": …}`, `{"model": …}` and similar dictionaries, which training scripts save.
/// Other entries are settings (an epoch, an optimizer) and are ignored.
///
/// # Errors
/// `INVALID_CHECKPOINT` if there are no tensors or a tensor is not described as PyTorch describes it.
pub(super) fn state_dict(pickle: &Pickle) -> Result<BTreeMap<String, PickledTensor>> {
    let mut at = pickle.root();
    let mut seen = BTreeSet::new();
    loop {
        let PickleValue::Dict(entries) = pickle.get(at) else {
            fail!(InvalidCheckpoint, "the file has no state dict (a dictionary of names and tensors)");
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
            _ => fail!(InvalidCheckpoint, "the file has no state dict, or a state dict without tensors"),
        }
    }
}

/// Parses `_rebuild_tensor_v2(storage, offset, shape, strides, …)` and its variants. Returns `None` for a
/// value that is no tensor.
fn tensor(pickle: &Pickle, mut id: ValueId) -> Result<Option<PickledTensor>> {
    // A parameter wraps a tensor. The bound keeps a crafted pickle from looping.
    for _ in 0..8 {
        let PickleValue::Call { function, arguments } = pickle.get(id) else { return Ok(None) };
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
                    fail!(InvalidCheckpoint, "the tensor was saved by an unknown PyTorch function");
                };
                let dtype = if name.ends_with("_rebuild_tensor_v3") { rest.get(2).copied() } else { None };
                return rebuild(pickle, [*storage, *offset, *shape, *strides], dtype).map(Some);
            }
            (Some(name), _) if name.starts_with("_rebuild") => {
                fail!(InvalidCheckpoint, "the tensor was saved by an unknown PyTorch function")
            }
            _ => return Ok(None),
        }
    }
    fail!(InvalidCheckpoint, "the tensor is wrapped in more than 8 parameters")
}

fn rebuild(
    pickle: &Pickle,
    [storage, offset, shape, strides]: [ValueId; 4],
    element_type: Option<ValueId>,
) -> Result<PickledTensor> {
    let PickleValue::Persistent(description) = pickle.get(storage) else {
        fail!(InvalidCheckpoint, "the tensor has no storage");
    };
    let storage = parse_storage(pickle, *description)?;
    let integers =
        |id| -> Option<Vec<u64>> { pickle.items(id)?.iter().map(|&item| pickle.unsigned(item)).collect() };
    let named = element_type
        .and_then(|id| pickle.global(id))
        .and_then(|name| parse_type(name.strip_prefix("torch.")?));
    let (Some(offset), Some(shape), Some(strides), Some(element_type)) =
        (pickle.unsigned(offset), integers(shape), integers(strides), named.or(storage.element_type))
    else {
        fail!(InvalidCheckpoint, "the offset, shape, strides or type of the tensor cannot be read");
    };
    if shape.len() > 8 {
        fail!(InvalidCheckpoint, "the tensor has {} axes; expected at most 8", shape.len());
    }
    Ok(PickledTensor { storage, element_type, offset, shape, strides })
}

/// Returns every storage that a pickle refers to, including storages of no tensor in the state dict.
pub(super) fn storages(pickle: &Pickle) -> Result<Vec<PickledStorage>> {
    pickle
        .values()
        .filter_map(|value| match value {
            PickleValue::Persistent(description) => Some(parse_storage(pickle, *description)),
            _ => None,
        })
        .collect()
}

/// Parses the description of a storage: `("storage", class, key, device, elements[, view])`.
fn parse_storage(pickle: &Pickle, description: ValueId) -> Result<PickledStorage> {
    let [kind, class, key, _device, elements, rest @ ..] = pickle.items(description).unwrap_or_default()
    else {
        fail!(InvalidCheckpoint, "the storage is not described as PyTorch describes one");
    };
    let (Some("storage"), Some(class), Some(key), Some(elements)) =
        (pickle.text(*kind), pickle.global(*class), pickle.text(*key), pickle.unsigned(*elements))
    else {
        fail!(InvalidCheckpoint, "the storage is not described as PyTorch describes one");
    };
    let class = class.rsplit('.').next().unwrap_or(class);
    let element_type = parse_type(class.strip_suffix("Storage").unwrap_or(class));
    if element_type.is_none() && class != "UntypedStorage" {
        fail!(InvalidCheckpoint, "the storage is a `{class}`, which corom does not support");
    }
    // Only the legacy format writes a view: (key, offset, elements) or None.
    let view_offset = match rest.first().map(|&view| (pickle.get(view), pickle.items(view))) {
        None | Some((PickleValue::None, _)) => 0,
        Some((_, Some([_, offset, _]))) if pickle.unsigned(*offset).is_some() => {
            pickle.unsigned(*offset).unwrap_or_default()
        }
        Some(_) => {
            fail!(InvalidCheckpoint, "the view of the storage is not described as PyTorch describes one")
        }
    };
    Ok(PickledStorage { key: key.to_owned(), element_type, elements, view_offset })
}

/// Parses the name of an element type in `torch.…` or in the name of a storage class.
fn parse_type(name: &str) -> Option<ElementType> {
    Some(match name {
        "Double" | "float64" | "double" => ElementType::F64,
        "Float" | "float32" | "float" => ElementType::F32,
        "Half" | "float16" | "half" => ElementType::F16,
        "BFloat16" | "bfloat16" => ElementType::BF16,
        "Long" | "int64" | "long" | "uint64" => ElementType::Other(8),
        "Int" | "int32" | "int" | "uint32" => ElementType::Other(4),
        "Short" | "int16" | "short" | "uint16" => ElementType::Other(2),
        "Char" | "Byte" | "Bool" | "int8" | "uint8" | "bool" => ElementType::Other(1),
        _ => return None,
    })
}

/// Returns the error for a storage that the pickle names and the file does not have.
pub(super) fn missing_storage(key: &str) -> Error {
    Error::new(
        ErrorCode::InvalidCheckpoint,
        format!("the values of the tensor (storage `{}`) are not in the file", key.escape_debug()),
    )
}
