//! Computes the [lineage](crate::lineage) of a checkpoint: the tensors as the graph uses them, before quantization, the
//! configuration that changes hidden states, and the tokenizer.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::checkpoint::Checkpoint;
use super::checkpoint_folder::CheckpointFolder;
use super::folder_files::{cannot_read, file_size};
use crate::encoder::reserve::try_filled;
use crate::error::{Error, ErrorCode, Result, fail};
use crate::lineage::{Lineage, add_text, add_values};
use crate::model::Manifest;

/// Parts of `tokenizer.json` that do not change the ids of a text's tokens.
const OTHER_KEYS: [&str; 4] = ["version", "truncation", "padding", "decoder"];

/// Hashes of the tensors that the graph uses, by name.
#[derive(Debug, Default)]
pub(crate) struct TensorHashes(BTreeMap<String, [u8; 32]>);

impl TensorHashes {
    /// Adds a tensor, row-major as PyTorch stores it.
    pub(crate) fn add(&mut self, name: &str, values: &[f32]) {
        let mut hash = Sha256::new();
        add_values(&mut hash, values);
        self.0.insert(name.to_owned(), hash.finalize().into());
    }

    /// Returns the hash of a model with these tensors. `tokenizer` is its `tokenizer.json`.
    ///
    /// # Errors
    /// `INVALID_TOKENIZER` if `tokenizer` is not JSON.
    pub(crate) fn model(&self, checkpoint: &Checkpoint, tokenizer: &str) -> Result<[u8; 32]> {
        let config = &checkpoint.config;
        let mut hash = Sha256::new();
        add_text(&mut hash, "corom lineage 1");
        add_text(&mut hash, &format!("{:?}", checkpoint.activation));
        let numbers = [
            config.num_hidden_layers,
            config.num_attention_heads,
            config.hidden_size,
            checkpoint.family.first_position(config),
            (config.layer_norm_eps as f32).to_bits() as usize,
        ];
        numbers.into_iter().for_each(|number| hash.update((number as u64).to_le_bytes()));
        for (name, tensor) in &self.0 {
            add_text(&mut hash, name);
            hash.update(tensor);
        }
        match serde_json::from_str(tokenizer) {
            Ok(Value::Object(mut parts)) => {
                parts.retain(|key, _| !OTHER_KEYS.contains(&key.as_str()));
                add_json(&mut hash, &Value::Object(parts));
            }
            _ => fail!(InvalidTokenizer, "tokenizer.json is not a JSON object"),
        }
        Ok(hash.finalize().into())
    }
}

/// Adds a JSON value. The order of an object's keys does not count.
fn add_json(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            hash.update(b"{");
            for (key, value) in sorted {
                add_text(hash, key);
                add_json(hash, value);
            }
            hash.update(b"}");
        }
        Value::Array(items) => {
            hash.update(b"[");
            items.iter().for_each(|item| add_json(hash, item));
            hash.update(b"]");
        }
        Value::String(text) => {
            hash.update(b"s");
            add_text(hash, text);
        }
        other => add_text(hash, &other.to_string()),
    }
}

/// Returns the lineage that the folder's own manifest states, if the folder is quantized or has lost tokens: its tensors
/// are not those of the model, so their hash is another one.
///
/// # Errors
/// `INTEGRITY_MISMATCH` if a file is not the one that the manifest lists: the lineage could be another model's.
pub(crate) fn of_changed_folder(
    folder: &CheckpointFolder,
    checkpoint: &Checkpoint,
) -> Result<Option<Lineage>> {
    let is_quantized = checkpoint.export().is_some_and(|export| matches!(export.dtype(), "int8" | "int4"));
    let is_changed = |manifest: &Manifest| is_quantized || manifest.full_vocab_size.is_some();
    let Some(manifest) = folder.manifest()?.filter(is_changed) else { return Ok(None) };
    if manifest.lineage.is_some() {
        for file in &manifest.files {
            let size = file_size(folder.source, &file.path)?.unwrap_or(0);
            file.verify_size(size)?;
            let length = usize::try_from(size).map_err(|_| too_large(&file.path))?;
            let mut bytes = try_filled(length, 0, format_args!("{}", file.path))?;
            folder.source.read_at(&file.path, 0, &mut bytes).map_err(|e| cannot_read(&file.path, e))?;
            file.verify(&bytes)?;
        }
    }
    Ok(manifest.lineage)
}

fn too_large(path: &str) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("{path} does not fit into memory"))
}
