//! The files beside the encoder that state settings: which of them the loader requests.

use std::collections::{BTreeMap, BTreeSet};

use super::sentence_transformers::{ModuleKind, SENTENCE_TRANSFORMERS_FILES, WEIGHT_FILES, modules};
use crate::error::Result;

/// The files that state settings, without those that only `modules.json` names. All are optional.
pub(crate) const SIDE_FILES: &[&str] = &[
    "configuration.json",
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "tokenizer_config.json",
];

/// Returns the files that `modules.json` names and that have neither arrived nor are `missing`: the modules'
/// configurations, the first existing one of the names of the Transformer's configuration, and the weights.
/// Nothing before `modules.json` has arrived. Call it again after each file.
///
/// # Errors
/// `INVALID_CONFIG` if `modules.json` cannot be read.
pub(crate) fn module_files(
    files: &BTreeMap<String, Vec<u8>>,
    missing: &BTreeSet<String>,
) -> Result<Vec<String>> {
    let mut wanted = Vec::new();
    // The first path that is not known to be missing decides for the others.
    let mut want = |paths: Vec<String>| {
        let next = paths.into_iter().find(|path| !missing.contains(path));
        wanted.extend(next.filter(|path| !files.contains_key(path)));
    };
    for module in modules(files)?.unwrap_or_default() {
        let all = |names: &[&str]| names.iter().map(|name| module.file(name)).collect();
        match module.kind {
            ModuleKind::Transformer => {
                want(all(&SENTENCE_TRANSFORMERS_FILES));
                want(all(&["config.json"]));
            }
            ModuleKind::Dropout | ModuleKind::Other(_) => {}
            // The configuration of the encoder.
            _ if module.path.is_empty() => {}
            ModuleKind::Pooling | ModuleKind::Normalize => want(all(&["config.json"])),
            ModuleKind::Dense | ModuleKind::LayerNorm => {
                want(all(&["config.json"]));
                want(all(&WEIGHT_FILES));
            }
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_files_follow_modules_json_and_try_other_names_of_missing_files() {
        let modules = r#"[{ "type": "sentence_transformers.models.Transformer", "path": "" },
            { "type": "sentence_transformers.models.Pooling", "path": "a/pool" },
            { "type": "sentence_transformers.models.Dense", "path": "2_Dense" },
            { "type": "sentence_transformers.models.Dropout", "path": "3_Dropout" }]"#;
        let mut files = BTreeMap::from([("modules.json".to_owned(), modules.into())]);
        let mut missing = BTreeSet::new();
        let paths = |files: &_, missing: &_| -> Vec<String> { module_files(files, missing).unwrap() };
        let first = [
            "sentence_bert_config.json",
            "config.json",
            "a/pool/config.json",
            "2_Dense/config.json",
            "2_Dense/model.safetensors",
        ];
        assert_eq!(paths(&files, &missing), first);
        files.insert("sentence_bert_config.json".into(), b"{}".to_vec());
        files.insert("config.json".into(), b"{}".to_vec());
        missing.extend(["2_Dense/model.safetensors".to_owned(), "a/pool/config.json".to_owned()]);
        assert_eq!(paths(&files, &missing), ["2_Dense/config.json", "2_Dense/pytorch_model.bin"]);
        missing.insert("2_Dense/pytorch_model.bin".into());
        files.insert("2_Dense/config.json".into(), b"{}".to_vec());
        assert_eq!(paths(&files, &missing), [""; 0]);
        assert_eq!(paths(&BTreeMap::new(), &missing), [""; 0]);
    }
}
