//! Writes the modules after the pooling: one safetensors file per module with weights.
//!
//! The files are `head_0.safetensors`, `head_1.safetensors` and so on, by the module's place in the list. Values
//! are f32 in every number type: a head is small beside the encoder, and every vector depends on all of it.

use std::collections::BTreeMap;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::files::{FileSink, FileSource};
use super::output::write_file;
use crate::config::PoolingChoice;
use crate::error::{Error, ErrorCode, Result};
use crate::head::Head;
use crate::model::HeadModule;
use crate::model::manifest::FileEntry;
use crate::model::settings::{HeadTensors, read_head};
use crate::recipe::pooled_width;

/// Reads the weights of `modules` from a checkpoint and writes them to the model folder. Returns the modules
/// with the paths in that folder, and the manifest entries of the files.
///
/// # Errors
/// The errors of [`HeadModule::read_tensors`], and `FETCH_FAILED` if a file cannot be written.
pub(crate) fn write(
    modules: &[HeadModule],
    source: &dyn FileSource,
    sink: &mut dyn FileSink,
) -> Result<(Vec<HeadModule>, Vec<FileEntry>)> {
    let (mut written, mut files) = (modules.to_vec(), Vec::new());
    for (index, module) in written.iter_mut().enumerate() {
        let tensors = module.read_tensors(source)?;
        if let HeadModule::Dense { weights, .. } | HeadModule::LayerNorm { weights, .. } = module {
            *weights = format!("head_{index}.safetensors");
            files.push(write_file(sink, weights, &serialize(&tensors)?)?);
        }
    }
    Ok((written, files))
}

/// Reads the modules with their weights, and checks that they fit the pooling and each other.
///
/// # Errors
/// `INVALID_CONFIG` if a module takes another number of elements than the step before it returns.
pub(crate) fn read(
    pooling: &PoolingChoice,
    modules: &[HeadModule],
    hidden_size: usize,
    source: &dyn FileSource,
) -> Result<Head> {
    Head::new(pooled_width(pooling, hidden_size), read_head(source, modules)?)
}

/// Returns tensors as a safetensors file.
fn serialize(tensors: &HeadTensors) -> Result<Vec<u8>> {
    let failed = |e: safetensors::SafeTensorError| {
        Error::with_source(ErrorCode::Internal, "the weights of a module cannot be serialized", e)
    };
    let bytes: Vec<(&str, &[usize], Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            (*name, &shape[..], values.iter().flat_map(|x| x.to_le_bytes()).collect())
        })
        .collect();
    let mut views = BTreeMap::new();
    for (name, shape, bytes) in &bytes {
        views.insert(*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).map_err(failed)?);
    }
    safetensors::serialize(views, None).map_err(failed)
}
