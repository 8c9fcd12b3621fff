//! Reads the JSON files of a folder that state settings.
//!
//! A missing file, a missing key and the value null mean the same: not stated.

use serde_json::{Map, Value};

use crate::checkpoint_file::file_source::FileSource;
use crate::error::{Error, ErrorCode, Result, fail};
use crate::json;

/// The largest settings file that is read. Such files have a few kilobytes.
const MAX_JSON_BYTES: u64 = 16 << 20;

/// The smallest maximum length that a file may state.
const MIN_LENGTH: f64 = 2.0;
/// A maximum length from here on means that none is set: transformers writes 10³⁰.
const UNLIMITED: f64 = (1 << 24) as f64;

/// Reads a file, or returns `None` if the folder does not have it.
///
/// # Errors
/// `FETCH_FAILED` if the file cannot be read, `INVALID_CONFIG` if it is too large.
fn read(files: &dyn FileSource, path: &str) -> Result<Option<Vec<u8>>> {
    let failed = |e: std::io::Error| {
        Error::with_source(ErrorCode::FetchFailed, format!("{path} cannot be read: {e}"), e)
    };
    let Some(length) = files.size(path).map_err(failed)? else { return Ok(None) };
    if length > MAX_JSON_BYTES {
        fail!(
            InvalidConfig,
            "{path} has {length} bytes; expected at most {MAX_JSON_BYTES}: it is not what its name says"
        );
    }
    let mut bytes = vec![0; length as usize];
    files.read_at(path, 0, &mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// Reads a JSON file of any type.
///
/// # Errors
/// `INVALID_CONFIG` if it is not JSON, `FETCH_FAILED`.
pub(super) fn value(files: &dyn FileSource, path: &str) -> Result<Option<Value>> {
    read(files, path)?.map(|bytes| json::value(&bytes, path, ErrorCode::InvalidConfig)).transpose()
}

/// Reads a JSON object.
///
/// # Errors
/// `INVALID_CONFIG` if it is not a JSON object, `FETCH_FAILED`.
pub(super) fn object(files: &dyn FileSource, path: &str) -> Result<Option<JsonFile>> {
    let Some(bytes) = read(files, path)? else { return Ok(None) };
    let Value::Object(entries) = json::object(&bytes, path, ErrorCode::InvalidConfig)? else {
        return Ok(None);
    };
    Ok(Some(JsonFile { path: path.to_owned(), entries }))
}

/// A JSON object and the path of its file, for messages.
pub(super) struct JsonFile {
    pub(super) path: String,
    pub(super) entries: Map<String, Value>,
}

impl JsonFile {
    /// Returns the value at nested keys, `model.normalize`. Null counts as absent.
    pub(super) fn get(&self, keys: &str) -> Option<&Value> {
        let mut keys = keys.split('.');
        let mut value = self.entries.get(keys.next()?)?;
        for key in keys {
            value = value.get(key)?;
        }
        (!value.is_null()).then_some(value)
    }

    /// Returns a string.
    ///
    /// # Errors
    /// `INVALID_CONFIG` for a value of another type.
    pub(super) fn text(&self, keys: &str) -> Result<Option<&str>> {
        self.typed(keys, Value::as_str, "a string")
    }

    /// Returns true or false.
    ///
    /// # Errors
    /// `INVALID_CONFIG` for a value of another type.
    pub(super) fn flag(&self, keys: &str) -> Result<Option<bool>> {
        self.typed(keys, Value::as_bool, "true or false")
    }

    /// Returns a whole number of at least 1.
    ///
    /// # Errors
    /// `INVALID_CONFIG` for another value.
    pub(super) fn size(&self, keys: &str) -> Result<Option<usize>> {
        let number = |value: &Value| value.as_u64().filter(|n| (1..1 << 24).contains(n));
        Ok(self.typed(keys, number, "a number from 1 to 16777215")?.map(|n| n as usize))
    }

    /// Returns a maximum length in tokens; `usize::MAX` if the file says that there is none.
    ///
    /// # Errors
    /// `INVALID_CONFIG` for another value.
    pub(super) fn length(&self, keys: &str) -> Result<Option<usize>> {
        // JSON that other tools have rewritten may have 512.0.
        let number = |value: &Value| value.as_f64().filter(|n| *n >= MIN_LENGTH && n.fract() == 0.0);
        let length = self.typed(keys, number, "a number of tokens, at least 2")?;
        Ok(length.map(|n| if n < UNLIMITED { n as usize } else { usize::MAX }))
    }

    fn typed<'a, T>(
        &'a self,
        keys: &str,
        convert: impl Fn(&'a Value) -> Option<T>,
        expected: &str,
    ) -> Result<Option<T>> {
        let Some(value) = self.get(keys) else { return Ok(None) };
        match convert(value) {
            Some(converted) => Ok(Some(converted)),
            None => fail!(InvalidConfig, "{}: {keys} is {value}; expected {expected}", self.path),
        }
    }
}
