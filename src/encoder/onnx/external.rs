//! External data: tensors whose bytes lie in files beside the ONNX file.
//!
//! tract would look for those files on a file system, which wasm has not. Here
//! the bytes are handed over in memory, and a file is dropped as soon as its
//! last tensor was taken from it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::pb::DataLocation;
use super::pb::TensorProto;

use super::onnx_model::OnnxModel;
use super::tensor_info::byte_size;
use crate::error::{Result, fail};
use crate::relative_path::is_relative_path;

/// A file that an ONNX file needs beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalFile {
    /// Its path relative to the ONNX file.
    pub path: String,
    /// The bytes that it must have at least.
    pub min_size: u64,
}

/// Files that hold the graph's external data, in first-use order, with the
/// smallest size each must have. Empty for a self-contained file.
///
/// # Errors
/// `INVALID_MODEL` when the file cannot be parsed, a path leaves the folder, an offset or length is no
/// number or contradicts the tensor's shape, or the same bytes are many tensors. Otherwise
/// as for a file that is no model at all: `NOT_A_MODEL`, `UNSUPPORTED_MODEL`.
pub fn external_files(onnx: &[u8]) -> Result<Vec<ExternalFile>> {
    let model = OnnxModel::parse(onnx)?;
    let mut files: Vec<ExternalFile> = Vec::new();
    let mut taken: Vec<u64> = Vec::new();
    for tensor in model.tensors() {
        let Some(ExternalRange { path, range }) = ExternalRange::of(tensor)? else { continue };
        let size = range.end - range.start;
        match files.iter().position(|f| f.path == path) {
            Some(at) => {
                files[at].min_size = files[at].min_size.max(range.end);
                taken[at] = taken[at].saturating_add(size);
            }
            None => {
                files.push(ExternalFile { path, min_size: range.end });
                taken.push(size);
            }
        }
    }
    for (file, taken) in files.iter().zip(taken) {
        check_byte_reuse(&file.path, taken, file.min_size)?;
    }
    Ok(files)
}

/// How often a file's bytes may be used, on average. Tied embeddings are twice; a small file whose bytes
/// are thousands of tensors would fill the memory.
const MAX_BYTE_REUSE: u64 = 4;

/// Whether tensors of `taken` bytes may come from `there` bytes of a file.
///
/// # Errors
/// `INVALID_MODEL` when they are too many.
pub(crate) fn check_byte_reuse(path: &str, taken: u64, there: u64) -> Result<()> {
    if taken / MAX_BYTE_REUSE > there {
        fail!(InvalidModel, "tensors of {taken} bytes lie one over another in {there} bytes of `{path}`");
    }
    Ok(())
}

/// Where a tensor's bytes lie.
#[derive(Debug)]
pub(crate) struct ExternalRange {
    pub(crate) path: String,
    pub(crate) range: Range<u64>,
}

impl ExternalRange {
    /// `None` for a tensor whose bytes are in the ONNX file.
    pub(super) fn of(tensor: &TensorProto) -> Result<Option<Self>> {
        if tensor.data_location != Some(DataLocation::External as i32) {
            return Ok(None);
        }
        let name = &tensor.name;
        let entry = |key: &str| tensor.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
        let Some(path) = entry("location") else {
            fail!(InvalidModel, "tensor `{name}` is external but has no location");
        };
        let path = path.strip_prefix("./").unwrap_or(path);
        if !is_relative_path(path) {
            fail!(
                InvalidModel,
                "tensor `{name}` lies in `{path}`, which is no path inside the model's folder"
            );
        }
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => match text.parse::<u64>() {
                Ok(n) => Ok(Some(n)),
                Err(_) => {
                    fail!(InvalidModel, "tensor `{name}` has external {key} `{text}`, which is no number")
                }
            },
        };
        let size = byte_size(tensor)?;
        let start = number("offset")?.unwrap_or(0);
        if let Some(length) = number("length")?
            && length != size
        {
            fail!(InvalidModel, "tensor `{name}` needs {size} bytes but its external length is {length}");
        }
        let Some(end) = start.checked_add(size) else {
            fail!(InvalidModel, "tensor `{name}` has external offset {start}, which is out of range");
        };
        Ok(Some(Self { path: path.to_owned(), range: start..end }))
    }
}

/// The external files' bytes, given out tensor by tensor.
pub(super) enum ExternalData<'a> {
    /// Ours: a file is dropped when its last tensor was taken.
    Owned(BTreeMap<String, LoadedFile>),
    /// Somebody else's.
    Borrowed(&'a BTreeMap<String, Vec<u8>>),
}

pub(super) struct LoadedFile {
    bytes: Vec<u8>,
    /// Tensors that have yet to be taken from it.
    left: usize,
    /// Bytes of all its tensors.
    taken: u64,
}

impl<'a> ExternalData<'a> {
    /// No files.
    pub(super) fn empty() -> Self {
        Self::Owned(BTreeMap::new())
    }

    /// Files that stay as they are.
    pub(super) fn borrowed(files: &'a BTreeMap<String, Vec<u8>>) -> Self {
        Self::Borrowed(files)
    }

    /// Takes over the files; those that no tensor of `tensors` uses are dropped.
    pub(super) fn new<'t>(
        mut external: BTreeMap<String, Vec<u8>>,
        tensors: impl Iterator<Item = &'t TensorProto>,
    ) -> Result<Self> {
        let mut files: BTreeMap<String, LoadedFile> = BTreeMap::new();
        for tensor in tensors {
            let Some(place) = ExternalRange::of(tensor)? else { continue };
            let size = place.range.end - place.range.start;
            if let Some(shard) = files.get_mut(&place.path) {
                shard.left += 1;
                shard.taken = shard.taken.saturating_add(size);
                check_byte_reuse(&place.path, shard.taken, shard.bytes.len() as u64)?;
            } else if let Some(bytes) = external.remove(&place.path) {
                files.insert(place.path, LoadedFile { bytes, left: 1, taken: size });
            } else {
                fail!(MissingFile, "the model's weights are in `{}`, which is not there", place.path);
            }
        }
        Ok(Self::Owned(files))
    }

    /// Calls `read` with the bytes of an external tensor, or gives `None` for one
    /// whose bytes are in the ONNX file.
    pub(super) fn read<T>(
        &mut self,
        tensor: &TensorProto,
        read: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(ExternalRange { path, range }) = ExternalRange::of(tensor)? else { return Ok(None) };
        let file = match self {
            Self::Owned(files) => files.get(&path).map(|shard| &shard.bytes),
            Self::Borrowed(files) => files.get(&path),
        };
        let Some(file) = file else {
            fail!(MissingFile, "the model's weights are in `{path}`, which is not there");
        };
        let value = read(tensor_bytes(file, &path, &tensor.name, &range)?)?;
        if let Self::Owned(files) = self
            && let Some(shard) = files.get_mut(&path)
        {
            shard.left = shard.left.saturating_sub(1);
            if shard.left == 0 {
                files.remove(&path);
            }
        }
        Ok(Some(value))
    }
}

/// A tensor's bytes in a file.
pub(crate) fn tensor_bytes<'a>(
    file: &'a [u8],
    path: &str,
    tensor: &str,
    range: &Range<u64>,
) -> Result<&'a [u8]> {
    let bytes = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    match bytes.and_then(|(start, end)| file.get(start..end)) {
        Some(bytes) => Ok(bytes),
        None => fail!(
            InvalidModel,
            "`{path}` has {} bytes, but tensor `{tensor}` lies at {} to {}: the file is truncated",
            file.len(),
            range.start,
            range.end
        ),
    }
}
