//! Builds the `tokenizer.json` of a model folder. It has everything that the checkpoint's files say, so a load needs
//! no other file.

use super::checkpoint_folder::CheckpointFolder;
use super::folder_files::found;
use crate::error::{Error, ErrorCode, Result};
use crate::tokenizer::{Tokenizer, TokenizerFiles};

/// Returns the JSON of the tokenizer, and the tokenizer that a load makes of it.
///
/// # Errors
/// `MISSING_FILE` without a vocabulary, `INVALID_TOKENIZER` if it cannot be read, `TOKENIZER_MISMATCH` if
/// it has ids without an embedding in the model.
pub(crate) fn build(folder: &CheckpointFolder, max_length: usize) -> Result<(String, Tokenizer)> {
    let vocab_size = folder.config.vocab_size;
    if folder.manifest()?.is_some()
        && let Some(json) = folder.side_file("tokenizer.json")?
    {
        // The tokenizer of a converted folder is complete, whatever class `config.json` suggests.
        let tokenizer = Tokenizer::from_json(&json, max_length, vocab_size)?;
        return match String::from_utf8(json) {
            Ok(json) => Ok((json, tokenizer)),
            Err(e) => {
                let message = "tokenizer.json: the text is not valid UTF-8";
                Err(Error::with_source(ErrorCode::InvalidTokenizer, message, e))
            }
        };
    }
    let files = TokenizerFiles::read(|path| folder.side_file(path))?;
    if files.tokenizer.is_none() && files.vocabulary.is_none() {
        return Err(Error::new(
            ErrorCode::MissingFile,
            format!("the checkpoint has neither tokenizer.json nor vocab.txt{}", found(folder.source)),
        ));
    }
    let json = Tokenizer::from_files(&files, max_length, vocab_size)?.to_json()?;
    let tokenizer = Tokenizer::from_json(json.as_bytes(), max_length, vocab_size)?;
    Ok((json, tokenizer))
}
