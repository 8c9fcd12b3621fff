//! Errors about files that do not exist or were not begun.

use crate::error::{Error, ErrorCode};

/// Returns the error for a file that does not exist. `page` is a file in whose place the server sent a web page,
/// `subfolder` the subfolder that has the file.
pub(super) fn missing_error(path: &str, page: Option<&String>, subfolder: Option<&str>) -> Error {
    match page {
        Some(page) => Error::new(
            ErrorCode::NotAModel,
            format!(
                "{path} is missing, and the server answered the request for {page} with a web page: check that \
                 the URL is that of a model folder"
            ),
        ),
        None => {
            let hint =
                subfolder.map_or(String::new(), |f| format!(". {f}/ has one: is that the model folder?"));
            let what = "a model folder has corom.json, or config.json, tokenizer.json (or vocab.txt) and an ONNX file";
            Error::new(ErrorCode::MissingFile, format!("{path} is missing: {what}{hint}"))
        }
    }
}

/// Returns the error for bytes of a file that was not begun.
pub(super) fn not_begun(path: &str) -> Error {
    Error::new(ErrorCode::InvalidArgument, format!("{path}: feed and end need a call of begin before"))
}
