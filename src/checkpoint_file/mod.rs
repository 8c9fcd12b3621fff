//! Reads the tensors of a checkpoint's weight file.
//!
//! safetensors, PyTorch's zip format and PyTorch's legacy format all keep raw little-endian values at
//! some place in one file. The reader of each format lists the places of the tensors. The values are read
//! on request, one tensor at a time, so that a large checkpoint is never in memory as a whole.

mod file_reader;
pub(crate) mod file_source;
mod pickle;
mod safetensors;
mod tensor_view;
mod torch;
mod torch_legacy;
mod torch_zip;

use std::collections::BTreeMap;
use std::io::BufReader;

use self::file_reader::{FileReader, read_error};
use self::file_source::FileSource;
use self::tensor_view::TensorView;
use crate::error::{Error, Result, fail};
use crate::sniff;

/// The tensors of one weight file by name, read on request.
pub(crate) struct CheckpointFile<'a> {
    source: &'a dyn FileSource,
    path: &'a str,
    views: BTreeMap<String, TensorView>,
}

impl<'a> CheckpointFile<'a> {
    /// Lists the tensors of a `model.safetensors` or `pytorch_model.bin`. The first bytes of the file
    /// decide its format.
    ///
    /// # Errors
    /// `NOT_A_MODEL` if the file is no checkpoint, `INVALID_CHECKPOINT` if it is cut, corrupt or asks for
    /// code to be run, `FETCH_FAILED` if it cannot be read.
    pub(crate) fn open(source: &'a dyn FileSource, path: &'a str) -> Result<Self> {
        let in_file = |e: Error| Error::with_source(e.code(), format!("{path}: {}", e.message()), e);
        let (length, head) = read_head(source, path).map_err(in_file)?;
        sniff::check(path, &head)?;
        let views = list(FileReader::new(source, path, length), length, path, &head).map_err(in_file)?;
        Ok(Self { source, path, views })
    }

    /// Returns the names of all tensors, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.views.keys().map(String::as_str)
    }

    /// Returns the place and type of a tensor.
    pub(crate) fn view(&self, name: &str) -> Option<&TensorView> {
        self.views.get(name)
    }

    /// Reads a tensor as f32, row-major.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT` if the tensor does not exist, has no floating-point numbers, is cut, or has a
    /// NaN or an infinity.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>> {
        let Some(view) = self.views.get(name) else {
            fail!(InvalidCheckpoint, "`{name}` is not in the checkpoint");
        };
        let values = view
            .read(self.source, self.path)
            .map_err(|e| Error::with_source(e.code(), format!("`{name}`: {}", e.message()), e))?;
        if let Some(bad) = values.iter().find(|x| !x.is_finite()) {
            fail!(
                InvalidCheckpoint,
                "`{name}` has the value {bad}; weights must be finite. The file is damaged, or the training \
                 of the model diverged"
            );
        }
        Ok(values)
    }
}

/// Returns the size of a file and its first bytes.
fn read_head(source: &dyn FileSource, path: &str) -> Result<(u64, Vec<u8>)> {
    let length = source.size(path).map_err(read_error)?.unwrap_or_default();
    let mut head = vec![0; length.min(sniff::HEAD_BYTES as u64) as usize];
    source.read_at(path, 0, &mut head).map_err(read_error)?;
    if head.is_empty() {
        fail!(InvalidCheckpoint, "the file is empty; download it again");
    }
    Ok((length, head))
}

/// Lists the tensors of a weight file and checks that the file contains all of them.
fn list(reader: FileReader, length: u64, path: &str, head: &[u8]) -> Result<BTreeMap<String, TensorView>> {
    let mut reader = BufReader::new(reader);
    let views = if head.starts_with(b"PK\x03\x04") {
        torch_zip::list(&mut reader)?
    } else if path.ends_with(".safetensors") {
        safetensors::list(&mut reader, length)?
    } else if head.first() == Some(&0x80) {
        torch_legacy::list(&mut reader, length)?
    } else {
        fail!(
            NotAModel,
            "the file is neither in PyTorch's zip format, nor in PyTorch's legacy format, nor safetensors"
        )
    };
    for (tensor, view) in &views {
        view.check(length)
            .map_err(|e| Error::with_source(e.code(), format!("`{tensor}`: {}", e.message()), e))?;
    }
    Ok(views)
}
