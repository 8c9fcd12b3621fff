//! A checkpoint's tensors, wherever they lie in their file.
//!
//! safetensors, PyTorch's zip and PyTorch's legacy format all keep raw
//! little-endian numbers somewhere in one file. Each reader lists where; the
//! numbers are read when they are asked for, one tensor at a time, so that a
//! large checkpoint never lies in memory whole.

mod globals;
mod pickle;
mod pickle_machine;
mod safetensors;
mod torch;
mod torch_legacy;
mod torch_zip;
mod view;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use corom::error::{Error, ErrorCode, Result};

use crate::fail;
pub(crate) use view::{Dtype, TensorView};

/// The tensors of one checkpoint file by name, read lazily.
#[derive(Debug)]
pub(crate) struct Weights {
    file: File,
    views: BTreeMap<String, TensorView>,
}

impl Weights {
    /// Lists the tensors of a `model.safetensors` or `pytorch_model.bin`; what
    /// it is, its first bytes say.
    ///
    /// # Errors
    /// `NOT_A_MODEL` when the file is something else entirely,
    /// `INVALID_CHECKPOINT` when it is cut, corrupt or asks for code to be run.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into());
        let mut file = File::open(path).map_err(|e| {
            Error::with_source(ErrorCode::FetchFailed, format!("{name} cannot be read: {e}"), e)
        })?;
        let views = Self::list(&mut file, &name)
            .map_err(|e| Error::with_source(e.code(), format!("{name}: {}", e.message()), e))?;
        Ok(Self { file, views })
    }

    fn list(file: &mut File, name: &str) -> Result<BTreeMap<String, TensorView>> {
        let length = file.metadata().map_err(unreadable)?.len();
        let mut start = Vec::new();
        file.take(64).read_to_end(&mut start).map_err(unreadable)?;
        file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        let mut reader = BufReader::new(file);
        let views = if start.starts_with(b"PK\x03\x04") {
            torch_zip::list(&mut reader)?
        } else if name.ends_with(".safetensors") && !is_text(&start) {
            safetensors::list(&mut reader, length)?
        } else if start.first() == Some(&0x80) {
            torch_legacy::list(&mut reader, length)?
        } else {
            refuse(&start)?
        };
        for (tensor, view) in &views {
            view.check(length)
                .map_err(|e| Error::with_source(e.code(), format!("`{tensor}`: {}", e.message()), e))?;
        }
        Ok(views)
    }

    /// The names of all tensors, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.views.keys().map(String::as_str)
    }

    /// Where a tensor lies and what it is.
    pub(crate) fn view(&self, name: &str) -> Option<&TensorView> {
        self.views.get(name)
    }

    /// Reads a tensor, row-major, as f32.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT` when it is not there, holds no floating-point
    /// numbers, is cut, or holds NaN or an infinity.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>> {
        let Some(view) = self.views.get(name) else {
            fail!(InvalidCheckpoint, "`{name}` is not in the checkpoint");
        };
        let numbers = view
            .read(&self.file)
            .map_err(|e| Error::with_source(e.code(), format!("`{name}`: {}", e.message()), e))?;
        if let Some(bad) = numbers.iter().find(|x| !x.is_finite()) {
            fail!(
                InvalidCheckpoint,
                "`{name}` holds {bad}: the checkpoint is damaged or its training diverged"
            );
        }
        Ok(numbers)
    }
}

/// An I/O error while reading the file; a file that ends early is a bad checkpoint.
fn unreadable(error: std::io::Error) -> Error {
    let code = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => ErrorCode::InvalidCheckpoint,
        _ => ErrorCode::FetchFailed,
    };
    Error::with_source(code, format!("the file ends early or cannot be read: {error}"), error)
}

fn is_text(start: &[u8]) -> bool {
    start.starts_with(b"version https://git-lfs") || start.trim_ascii_start().starts_with(b"<")
}

/// Says what a file is that is no checkpoint.
fn refuse<T>(start: &[u8]) -> Result<T> {
    if start.is_empty() {
        fail!(InvalidCheckpoint, "the file is empty");
    }
    if start.starts_with(b"version https://git-lfs") {
        fail!(NotAModel, "this is a Git LFS pointer, not the weights: run `git lfs pull` in the checkpoint");
    }
    if start.trim_ascii_start().starts_with(b"<") {
        fail!(NotAModel, "this is an HTML or XML page, not the weights: download the file again");
    }
    fail!(NotAModel, "this is neither PyTorch's zip format, nor its legacy pickle format, nor safetensors")
}
