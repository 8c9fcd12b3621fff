//! External data: tensors whose bytes are in files beside the ONNX file.
//!
//! The host passes the bytes of these files, because WebAssembly has no file system. A file is dropped as
//! soon as its last tensor was read.

use std::collections::BTreeMap;
use std::ops::Range;

use super::pb::DataLocation;
use super::pb::TensorProto;

use super::onnx_model::OnnxModel;
use super::tensor_info::byte_size;
use crate::error::{Error, ErrorCode, Result, fail};
use crate::relative_path::is_relative_path;

/// A file with external data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalFile {
    /// The path relative to the ONNX file.
    pub path: String,
    /// The fewest bytes that the file must have.
    pub min_size: u64,
}

/// The path of the ONNX file itself, where its reader left out weights. No file has this path.
pub const ONNX_FILE_ITSELF: &str = "";
/// The data location of a tensor that the reader left out. No file has it: the reader rejects it.
pub(super) const SKIPPED_LOCATION: i32 = i32::MIN;

/// Returns the files with the external data of a model, in the order of first use.
///
/// # Errors
/// `INVALID_MODEL` if a path leaves the folder, an offset or length is not a number or contradicts the tensor's
/// shape, or too many tensors share the same bytes.
pub(super) fn external_files_of(model: &OnnxModel) -> Result<Vec<ExternalFile>> {
    let mut files: Vec<ExternalFile> = Vec::new();
    let mut taken: Vec<u64> = Vec::new();
    for tensor in model.tensors() {
        let Some(ExternalRange { path, range }) = ExternalRange::of(tensor)? else { continue };
        if path == ONNX_FILE_ITSELF {
            continue;
        }
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

/// Reads a range of bytes of a file beside the ONNX file, or of the ONNX file itself (the empty path).
#[cfg(feature = "convert")]
pub(crate) type ReadRange<'a> = dyn Fn(&str, Range<u64>) -> Result<Vec<u8>> + 'a;

/// Tensors of at most this many bytes may be constants of nodes, which are needed while a graph is translated.
#[cfg(feature = "convert")]
const MAX_INLINED_BYTES: u64 = 4 << 10;

/// Moves the bytes of small tensors from external files into a decoded file, so that its graph can be translated
/// before the large weights are read. `read` returns a range of bytes of a file.
///
/// # Errors
/// The errors of [`external_files`] about external data, and those of `read`.
#[cfg(feature = "convert")]
pub(crate) fn inline_small_tensors(model: &mut OnnxModel, read: &ReadRange) -> Result<()> {
    inline_tensors(model, MAX_INLINED_BYTES, read)
}

/// Moves the bytes of all tensors from external files into a decoded file. See [`inline_small_tensors`].
///
/// # Errors
/// The errors of [`inline_small_tensors`].
#[cfg(feature = "cli")]
pub(crate) fn inline_all_tensors(model: &mut OnnxModel, read: &ReadRange) -> Result<()> {
    inline_tensors(model, u64::MAX, read)
}

#[cfg(feature = "convert")]
fn inline_tensors(model: &mut OnnxModel, max_bytes: u64, read: &ReadRange) -> Result<()> {
    for tensor in model.tensors_mut() {
        let Some(ExternalRange { path, range }) = ExternalRange::of(tensor)? else { continue };
        if range.end - range.start <= max_bytes {
            tensor.raw_data = read(&path, range)?.into();
            tensor.data_location = None;
            tensor.external_data.clear();
        }
    }
    Ok(())
}

/// The most tensors that may use a byte of a file, on average. Tied embeddings use bytes twice. Without a limit,
/// thousands of tensors over the same bytes of a small file would fill the memory.
const MAX_BYTE_REUSE: u64 = 4;

/// Checks that tensors of `used` bytes in total may come from a file of `available` bytes.
///
/// # Errors
/// `INVALID_MODEL` if the average byte is used by more than [`MAX_BYTE_REUSE`] tensors.
pub(crate) fn check_byte_reuse(path: &str, used: u64, available: u64) -> Result<()> {
    if used / MAX_BYTE_REUSE > available {
        fail!(
            InvalidModel,
            "`{path}`: tensors of {used} bytes overlap in {available} bytes; on average at most {MAX_BYTE_REUSE} tensors \
             may share a byte"
        );
    }
    Ok(())
}

/// The bytes of a tensor in an external file, or in the ONNX file itself ([`ONNX_FILE_ITSELF`]).
#[derive(Debug)]
pub(crate) struct ExternalRange {
    pub(crate) path: String,
    pub(crate) range: Range<u64>,
}

impl ExternalRange {
    /// Returns the range of a tensor, or `None` if its bytes are in the ONNX file.
    ///
    /// # Errors
    /// `INVALID_MODEL` if the entry has no path inside the folder, or contradicts the tensor's shape.
    pub(super) fn of(tensor: &TensorProto) -> Result<Option<Self>> {
        let name = &tensor.name;
        let entry = |key: &str| tensor.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
        let path = match tensor.data_location {
            Some(SKIPPED_LOCATION) => ONNX_FILE_ITSELF,
            Some(location) if location == DataLocation::External as i32 => {
                let Some(path) = entry("location") else {
                    fail!(InvalidModel, "tensor `{name}`: external data without a location");
                };
                let path = path.strip_prefix("./").unwrap_or(path);
                if !is_relative_path(path) {
                    fail!(
                        InvalidModel,
                        "tensor `{name}`: the external location `{path}` is not a path inside the model folder"
                    );
                }
                path
            }
            _ => return Ok(None),
        };
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => match text.parse::<u64>() {
                Ok(n) => Ok(Some(n)),
                Err(_) => {
                    fail!(InvalidModel, "tensor `{name}`: the external {key} `{text}` is not a number")
                }
            },
        };
        let size = byte_size(tensor)?;
        let start = number("offset")?.unwrap_or(0);
        if let Some(length) = number("length")?
            && length != size
        {
            fail!(
                InvalidModel,
                "tensor `{name}`: the external length is {length}; its shape needs {size} bytes"
            );
        }
        let Some(end) = start.checked_add(size) else {
            fail!(InvalidModel, "tensor `{name}`: the external offset {start} is out of range");
        };
        Ok(Some(Self { path: path.to_owned(), range: start..end }))
    }
}

/// The bytes of external files.
pub(super) enum ExternalData<'a> {
    /// A file is dropped when its last tensor was read.
    Owned(BTreeMap<String, LoadedFile>),
    /// The caller keeps the files.
    Borrowed(&'a BTreeMap<String, Vec<u8>>),
}

/// A file whose tensors are read one at a time.
pub(super) struct LoadedFile {
    bytes: Vec<u8>,
    /// Tensors that were not read yet.
    tensors_left: usize,
    /// Bytes of all tensors.
    #[cfg(feature = "unfused")]
    used: u64,
}

impl<'a> ExternalData<'a> {
    /// Returns external data without files.
    pub(super) fn empty() -> Self {
        Self::Owned(BTreeMap::new())
    }

    /// Returns external data that the caller keeps.
    pub(super) fn borrowed(files: &'a BTreeMap<String, Vec<u8>>) -> Self {
        Self::Borrowed(files)
    }

    /// Takes the files. Files that no tensor of `tensors` uses are dropped.
    ///
    /// # Errors
    /// `MISSING_FILE` if a tensor's file is not in `external`, `INVALID_MODEL` if tensors share too many bytes.
    #[cfg(feature = "unfused")]
    pub(super) fn new<'t>(
        mut external: BTreeMap<String, Vec<u8>>,
        tensors: impl Iterator<Item = &'t TensorProto>,
    ) -> Result<Self> {
        let mut files: BTreeMap<String, LoadedFile> = BTreeMap::new();
        for tensor in tensors {
            let Some(ExternalRange { path, range }) = ExternalRange::of(tensor)? else { continue };
            let size = range.end - range.start;
            if let Some(file) = files.get_mut(&path) {
                file.tensors_left += 1;
                file.used = file.used.saturating_add(size);
                check_byte_reuse(&path, file.used, file.bytes.len() as u64)?;
            } else if let Some(bytes) = external.remove(&path) {
                files.insert(path, LoadedFile { bytes, tensors_left: 1, used: size });
            } else {
                return Err(missing(&path));
            }
        }
        Ok(Self::Owned(files))
    }

    /// Calls `read` with the bytes of a tensor. Returns `None` if its bytes are in the ONNX file.
    ///
    /// # Errors
    /// `MISSING_FILE` if the file is not there, `INVALID_MODEL` if it is too short, and those of `read`.
    pub(super) fn read<T>(
        &mut self,
        tensor: &TensorProto,
        read: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(ExternalRange { path, range }) = ExternalRange::of(tensor)? else { return Ok(None) };
        let file = match self {
            Self::Owned(files) => files.get(&path).map(|file| &file.bytes),
            Self::Borrowed(files) => files.get(&path),
        };
        let Some(file) = file else { return Err(missing(&path)) };
        let value = read(tensor_bytes(file, &path, &tensor.name, &range)?)?;
        if let Self::Owned(files) = self
            && let Some(file) = files.get_mut(&path)
        {
            file.tensors_left = file.tensors_left.saturating_sub(1);
            if file.tensors_left == 0 {
                files.remove(&path);
            }
        }
        Ok(Some(value))
    }
}

fn missing(path: &str) -> Error {
    Error::new(ErrorCode::MissingFile, format!("`{path}` is missing: the model keeps weights in it"))
}

/// Returns the bytes of a tensor in a file.
///
/// # Errors
/// `INVALID_MODEL` if the file is too short.
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
            "`{path}` is truncated: it has {} bytes, but tensor `{tensor}` is at bytes {} to {}",
            file.len(),
            range.start,
            range.end
        ),
    }
}
