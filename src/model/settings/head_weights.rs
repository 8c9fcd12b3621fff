//! Reads the weights of the modules after the pooling.

use std::collections::BTreeMap;

use super::HeadModule;
use crate::checkpoint_file::CheckpointFile;
use crate::checkpoint_file::file_source::FileSource;
use crate::error::{Result, fail};
use crate::head::{Dense, HeadLayer, LayerNorm};

/// The most weights of one tensor: 256 MiB of f32.
const MAX_ELEMENTS: usize = 1 << 26;

/// The tensors of one module by name: shape and values, row-major.
pub(crate) type HeadTensors = BTreeMap<&'static str, (Vec<usize>, Vec<f32>)>;

/// Reads modules and their weights from `files`.
///
/// # Errors
/// `MISSING_FILE` if a weight file is missing, `INVALID_CHECKPOINT` if it cannot be read or lacks a tensor,
/// `INVALID_CONFIG` if a tensor has another shape than the module says.
pub(crate) fn read_head(files: &dyn FileSource, modules: &[HeadModule]) -> Result<Vec<HeadLayer>> {
    modules.iter().map(|module| layer(module, module.read_tensors(files)?)).collect()
}

impl HeadModule {
    /// Reads the tensors of a module, in the shapes that it states.
    ///
    /// # Errors
    /// The errors of [`read_head`].
    pub(crate) fn read_tensors(&self, files: &dyn FileSource) -> Result<HeadTensors> {
        let mut tensors = HeadTensors::new();
        let Some(path) = self.weights() else { return Ok(tensors) };
        if !files.size(path).is_ok_and(|size| size.is_some()) {
            fail!(
                MissingFile,
                "{path} is missing: it has the weights of a module after the pooling. To leave out these modules, set \
                 `ignoreHead` (when converting, --ignore-head)"
            );
        }
        let file = CheckpointFile::open(files, path)?;
        for (name, shape) in self.tensors() {
            if shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).is_none_or(|n| n > MAX_ELEMENTS) {
                fail!(
                    InvalidConfig,
                    "{path}: `{name}` should be {shape:?}; at most {MAX_ELEMENTS} weights are supported"
                );
            }
            let Some(view) = file.view(name) else {
                let names: Vec<&str> = file.names().collect();
                fail!(InvalidCheckpoint, "{path} has no tensor `{name}`; it has `{}`", names.join("`, `"));
            };
            if !view.shape.iter().copied().eq(shape.iter().map(|&d| d as u64)) {
                fail!(
                    InvalidConfig,
                    "{path}: `{name}` is {:?}, but the module's configuration says {shape:?}: the files belong to \
                     different models",
                    view.shape
                );
            }
            // A tensor that repeats the same values would take more memory than its file has bytes.
            if view.elements().is_none_or(|elements| elements > view.storage_elements) {
                fail!(InvalidCheckpoint, "{path}: `{name}` uses the same stored values several times");
            }
            tensors.insert(name, (shape, file.read(name)?));
        }
        Ok(tensors)
    }

    /// Returns the names and shapes of a module's tensors.
    fn tensors(&self) -> Vec<(&'static str, Vec<usize>)> {
        match *self {
            Self::Dense { in_features, out_features, bias, residual, .. } => {
                let mut tensors = vec![("linear.weight", vec![out_features, in_features])];
                if bias {
                    tensors.push(("linear.bias", vec![out_features]));
                }
                if residual && in_features != out_features {
                    tensors.push(("residual.weight", vec![out_features, in_features]));
                }
                tensors
            }
            Self::LayerNorm { dimension, .. } => {
                vec![("norm.weight", vec![dimension]), ("norm.bias", vec![dimension])]
            }
            Self::Normalize => Vec::new(),
        }
    }
}

/// Makes a layer of a module and its tensors.
fn layer(module: &HeadModule, mut tensors: HeadTensors) -> Result<HeadLayer> {
    let mut take = |name: &str| tensors.remove(name).map(|(_, values)| values);
    Ok(match *module {
        HeadModule::Normalize => HeadLayer::Normalize,
        HeadModule::LayerNorm { .. } => HeadLayer::LayerNorm(LayerNorm::new(
            take("norm.weight").unwrap_or_default(),
            take("norm.bias").unwrap_or_default(),
        )?),
        HeadModule::Dense { in_features, out_features, activation, residual, .. } => {
            let weight = take("linear.weight").unwrap_or_default();
            let dense = Dense::new(in_features, out_features, &weight, take("linear.bias"), activation)?;
            HeadLayer::Dense(match residual {
                true => dense.with_residual(take("residual.weight").as_deref())?,
                false => dense,
            })
        }
    })
}
