//! The modules after the Pooling module.

use super::modules::{MODULES, Module, ModuleKind};
use crate::checkpoint_file::file_source::FileSource;
use crate::error::{Error, ErrorCode, Result, fail};
use crate::head::HeadActivation;
use crate::model::settings::HeadModule;
use crate::model::settings::files::{JsonFile, object};

/// The weight files of a module, in sentence-transformers' order of preference.
pub(in crate::model::settings) const WEIGHT_FILES: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];
/// The key under which modules pass the vector of a text on.
const VECTOR: &str = "sentence_embedding";
/// The activation function of a Dense module that does not name one.
const DEFAULT_ACTIVATION: &str = "torch.nn.modules.activation.Tanh";

/// Returns the modules after the Pooling module, and whether L2 normalization is the last one. The outer error
/// is about a file, the inner one about a module that corom does not run.
///
/// # Errors
/// `INVALID_CONFIG`, `FETCH_FAILED`; inner: `UNSUPPORTED_MODEL` too.
pub(super) fn read(files: &dyn FileSource, modules: &[Module]) -> Result<(Result<Vec<HeadModule>>, bool)> {
    let mut modules: Vec<&Module> =
        modules.iter().filter(|module| module.kind != ModuleKind::Dropout).collect();
    let mut normalize = false;
    while let Some(last) = modules.pop_if(|module| module.kind == ModuleKind::Normalize) {
        let Ok(()) = check_names(files, last) else {
            modules.push(last);
            break;
        };
        normalize = true;
    }
    Ok((read_modules(files, &modules), normalize))
}

fn read_modules(files: &dyn FileSource, modules: &[&Module]) -> Result<Vec<HeadModule>> {
    let mut head = Vec::new();
    let mut pooled = false;
    for (index, module) in modules.iter().enumerate() {
        match &module.kind {
            ModuleKind::Transformer if index == 0 => {}
            ModuleKind::Pooling if !pooled => pooled = true,
            ModuleKind::Dense if pooled => head.push(dense(files, module)?),
            ModuleKind::LayerNorm if pooled => head.push(layer_norm(files, module)?),
            ModuleKind::Normalize if pooled => {
                check_names(files, module)?;
                head.push(HeadModule::Normalize);
            }
            other => return Err(unsupported(index, other, pooled)),
        }
    }
    Ok(head)
}

fn unsupported(index: usize, kind: &ModuleKind, pooled: bool) -> Error {
    let name = match kind {
        ModuleKind::Other(class) => class.clone(),
        kind => format!("{kind:?}"),
    };
    let place = if pooled { "after the pooling" } else { "before the pooling" };
    Error::new(
        ErrorCode::UnsupportedModel,
        format!(
            "{MODULES}: corom does not run module {index}, `{name}`, {place}, and it changes the vectors. To use the \
             encoder without the modules beside the pooling, set `ignoreHead` (when converting, --ignore-head)"
        ),
    )
}

fn dense(files: &dyn FileSource, module: &Module) -> Result<HeadModule> {
    let config = config(files, module)?;
    check_keys(&config)?;
    let (Some(in_features), Some(out_features)) = (config.size("in_features")?, config.size("out_features")?)
    else {
        fail!(InvalidConfig, "{}: in_features or out_features is missing", config.path);
    };
    let class = config.text("activation_function")?.unwrap_or(DEFAULT_ACTIVATION);
    let Some(activation) = HeadActivation::of_torch_class(class) else {
        fail!(
            UnsupportedModel,
            "{}: corom does not have the activation function `{class}`. To use the encoder without the modules after \
             the pooling, set `ignoreHead` (when converting, --ignore-head)",
            config.path
        );
    };
    Ok(HeadModule::Dense {
        in_features,
        out_features,
        bias: config.flag("bias")?.unwrap_or(true),
        activation,
        residual: config.flag("use_residual")?.unwrap_or(false),
        weights: weights(files, module)?,
    })
}

fn layer_norm(files: &dyn FileSource, module: &Module) -> Result<HeadModule> {
    let config = config(files, module)?;
    let Some(dimension) = config.size("dimension")? else {
        fail!(InvalidConfig, "{}: dimension is missing", config.path);
    };
    Ok(HeadModule::LayerNorm { dimension, weights: weights(files, module)? })
}

fn config(files: &dyn FileSource, module: &Module) -> Result<JsonFile> {
    let path = module.file("config.json");
    match object(files, &path)? {
        Some(file) => Ok(file),
        None => fail!(MissingFile, "{path} is missing: {MODULES} lists its module"),
    }
}

/// Returns the path of a module's weight file.
///
/// # Errors
/// `MISSING_FILE` if there is none, `FETCH_FAILED`.
fn weights(files: &dyn FileSource, module: &Module) -> Result<String> {
    for name in WEIGHT_FILES {
        let path = module.file(name);
        let size = files.size(&path).map_err(|e| {
            Error::with_source(ErrorCode::FetchFailed, format!("{path} cannot be read: {e}"), e)
        })?;
        if size.is_some() {
            return Ok(path);
        }
    }
    fail!(
        MissingFile,
        "{} and {} are missing: they have the weights of a module in {MODULES}. To use the encoder without the modules \
         after the pooling, set `ignoreHead` (when converting, --ignore-head)",
        module.file(WEIGHT_FILES[0]),
        module.file(WEIGHT_FILES[1])
    )
}

/// Checks that a module without required configuration works on the vector of a text.
fn check_names(files: &dyn FileSource, module: &Module) -> Result<()> {
    // In the model folder itself, config.json is the encoder's.
    if module.path.is_empty() {
        return Ok(());
    }
    object(files, &module.file("config.json"))?.map_or(Ok(()), |config| check_keys(&config))
}

/// Checks that a module reads and writes the vector of a text.
fn check_keys(config: &JsonFile) -> Result<()> {
    for key in ["module_input_name", "module_output_name"] {
        if let Some(name) = config.text(key)?
            && name != VECTOR
        {
            fail!(
                UnsupportedModel,
                "{}: {key} is `{name}`; corom runs modules on `{VECTOR}` only",
                config.path
            );
        }
    }
    Ok(())
}
