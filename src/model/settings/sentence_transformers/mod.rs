//! Settings of sentence-transformers' files, of the releases 0.x to 6.x.
//!
//! | file | states |
//! |---|---|
//! | `modules.json` | the modules in their order, each with a folder |
//! | `config.json` in the Pooling module's folder | the pooling, `include_prompt` |
//! | `config.json` in the folders of Dense, LayerNorm and Normalize | the modules after the pooling |
//! | `sentence_bert_config.json` in the Transformer's folder, older models `sentence_roberta_config.json` and so on | the maximum length |
//! | `config_sentence_transformers.json` | the similarity function and the prompts |

mod head;
mod modules;
mod pooling;
mod prompts;

pub(super) use head::WEIGHT_FILES;
pub(crate) use modules::{MODULES, file_in};
pub(super) use modules::{Module, ModuleKind, modules};

use super::decided::{Decided, Stated};
use super::files::object;
use super::source_settings::SourceSettings;
use crate::checkpoint_file::file_source::FileSource;
use crate::error::Result;
pub(super) use crate::tokenizer::SENTENCE_TRANSFORMERS_FILES;

/// The place of the Pooling module if `modules.json` does not list it.
const USUAL_POOLING: &str = "1_Pooling";
/// Reads the settings. `hidden_size` is the encoder's, which the files must agree with.
///
/// # Errors
/// `INVALID_CONFIG` if a file is not JSON of the right type, `FETCH_FAILED`. Values that corom cannot use are
/// errors of their setting.
pub(super) fn settings(files: &dyn FileSource, hidden_size: usize) -> Result<SourceSettings> {
    let modules = modules(files)?;
    let listed = modules.iter().flatten().find(|module| module.kind == ModuleKind::Pooling);
    let folder = listed.map_or(USUAL_POOLING, |module| module.path.as_str());
    let pooling = pooling::read(files, folder, hidden_size)?;
    let (head, normalize) = match &modules {
        Some(modules) => {
            let (head, normalize) = head::read(files, modules)?;
            (Some(Decided::by_file(head, MODULES)), Some(Decided::by_file(Ok(normalize), MODULES)))
        }
        None => (None, None),
    };
    let (metric, prompts) = prompts::read(files, pooling.include_prompt)?;
    let settings = SourceSettings {
        pooling: pooling.pooling,
        head,
        normalize,
        max_length: max_length(files, modules.as_deref())?,
        metric,
        prompts,
    };
    Ok(settings)
}

/// Returns the folder with the encoder's `config.json`: that of the Transformer module if it has one, else the
/// model folder itself (empty).
///
/// # Errors
/// `INVALID_CONFIG` if `modules.json` cannot be read, `FETCH_FAILED`.
pub(crate) fn encoder_folder(files: &dyn FileSource) -> Result<String> {
    let folder = transformer_folder(files)?;
    Ok(if object(files, &file_in(&folder, "config.json"))?.is_some() { folder } else { String::new() })
}

/// Returns the folder of the Transformer module; empty for the model folder itself, and without `modules.json`.
///
/// # Errors
/// `INVALID_CONFIG` if `modules.json` cannot be read, `FETCH_FAILED`.
pub(crate) fn transformer_folder(files: &dyn FileSource) -> Result<String> {
    let modules = modules(files)?.unwrap_or_default();
    let transformer = modules.into_iter().find(|module| module.kind == ModuleKind::Transformer);
    Ok(transformer.map_or_else(String::new, |module| module.path))
}

/// Returns the maximum length of the Transformer module's configuration.
fn max_length(files: &dyn FileSource, modules: Option<&[Module]>) -> Result<Stated<usize>> {
    let transformer = modules.and_then(|m| m.iter().find(|m| m.kind == ModuleKind::Transformer));
    let folder = transformer.map_or("", |module| module.path.as_str());
    for name in SENTENCE_TRANSFORMERS_FILES {
        let path = file_in(folder, name);
        if let Some(file) = object(files, &path)? {
            let length = file.length("max_seq_length").transpose();
            return Ok(length.map(|length| Decided::by_file(length, &path)));
        }
    }
    Ok(None)
}
