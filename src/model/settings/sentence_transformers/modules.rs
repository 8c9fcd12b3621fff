//! `modules.json`: the modules of a model and their folders.

use serde_json::Value;

use crate::checkpoint_file::file_source::FileSource;
use crate::error::{Result, fail};
use crate::model::settings::files::value;
use crate::relative_path::is_relative_path;

pub(crate) const MODULES: &str = "modules.json";
/// The most modules that are read. Real models have two to five.
const MAX_MODULES: usize = 64;

/// The kind of a module, by the name of its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::model::settings) enum ModuleKind {
    /// The encoder, which the graph computes.
    Transformer,
    Pooling,
    Dense,
    LayerNorm,
    Normalize,
    /// Has no effect outside training.
    Dropout,
    /// Any other class, by its full name.
    Other(String),
}

/// The classes of encoders in releases 0.x, before `Transformer` took the place of all.
const FIRST_ENCODERS: [&str; 6] = ["BERT", "RoBERTa", "DistilBERT", "XLMRoBERTa", "ALBERT", "CamemBERT"];

/// A module of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::model::settings) struct Module {
    pub(in crate::model::settings) kind: ModuleKind,
    /// The module's folder; empty for the model folder itself.
    pub(in crate::model::settings) path: String,
}

impl Module {
    /// Returns the path of a file in the module's folder.
    pub(in crate::model::settings) fn file(&self, name: &str) -> String {
        file_in(&self.path, name)
    }
}

/// Returns the path of a file in a folder.
pub(crate) fn file_in(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Reads `modules.json`, or returns `None` if the folder has none.
///
/// # Errors
/// `INVALID_CONFIG` if it is not a list of modules, or a path leaves the folder.
pub(in crate::model::settings) fn modules(files: &dyn FileSource) -> Result<Option<Vec<Module>>> {
    let Some(value) = value(files, MODULES)? else { return Ok(None) };
    let Value::Array(entries) = value else {
        fail!(InvalidConfig, "{MODULES}: expected a list of modules, as sentence-transformers writes it");
    };
    if entries.len() > MAX_MODULES {
        fail!(InvalidConfig, "{MODULES} lists {} modules; expected at most {MAX_MODULES}", entries.len());
    }
    entries.iter().enumerate().map(|(i, entry)| module(i, entry)).collect::<Result<_>>().map(Some)
}

fn module(index: usize, entry: &Value) -> Result<Module> {
    let Some(class) = entry.get("type").and_then(Value::as_str) else {
        fail!(InvalidConfig, "{MODULES}: module {index} has no type; expected the name of a class");
    };
    let path = match entry.get("path") {
        None | Some(Value::Null) => "",
        Some(Value::String(path)) => path,
        Some(other) => {
            fail!(InvalidConfig, "{MODULES}: the path of module {index} is {other}; expected a string")
        }
    };
    let Some(path) = folder_of(path) else {
        fail!(
            InvalidConfig,
            "{MODULES}: the path of module {index}, `{path}`, is not a folder inside the model folder"
        );
    };
    let own = class.starts_with("sentence_transformers.");
    let kind = match class.rsplit('.').next().unwrap_or_default() {
        // The graph takes the place of the encoder, whatever class wraps it.
        "Transformer" => ModuleKind::Transformer,
        name if own && FIRST_ENCODERS.contains(&name) => ModuleKind::Transformer,
        "Pooling" if own => ModuleKind::Pooling,
        "Dense" if own => ModuleKind::Dense,
        "LayerNorm" if own => ModuleKind::LayerNorm,
        "Normalize" if own => ModuleKind::Normalize,
        "Dropout" if own => ModuleKind::Dropout,
        _ => ModuleKind::Other(class.to_owned()),
    };
    Ok(Module { kind, path })
}

/// Returns a folder without empty parts and `.`: `./1_Pooling/` is `1_Pooling`, and `.` is empty. Returns `None` if
/// the path leaves the model folder.
fn folder_of(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let folder = parts.join("/");
    let is_inside = !path.starts_with('/') && (folder.is_empty() || is_relative_path(&folder));
    is_inside.then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::folder_of;

    #[test]
    fn folders_are_written_in_one_way() {
        for (path, expected) in [
            ("", Some("")),
            (".", Some("")),
            ("./", Some("")),
            ("1_Pooling", Some("1_Pooling")),
            ("././1_Pooling//", Some("1_Pooling")),
            ("a/./b//c/", Some("a/b/c")),
            ("../a", None),
            ("a/../b", None),
            ("/a", None),
            ("a\\b", None),
            ("C:", None),
        ] {
            assert_eq!(folder_of(path).as_deref(), expected, "{path}");
        }
    }
}
