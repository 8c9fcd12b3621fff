//! Reads the fields of JSON objects. `at` is the place of a value, for messages.

use super::json::Json;
use crate::error::{Error, ErrorCode, Result};

/// The largest whole number that every JSON reader keeps.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Returns the error for a value of another type.
pub(crate) fn unexpected(value: &Json, at: &str, expected: &str) -> Error {
    Error::new(ErrorCode::InvalidArgument, format!("{at}: found {value}; expected {expected}"))
}

/// Returns the fields of an object.
pub(crate) fn fields<'a>(value: &'a Json, at: &str) -> Result<&'a [(String, Json)]> {
    if let Json::Object(fields) = value { Ok(fields) } else { Err(unexpected(value, at, "an object")) }
}

/// Reads a list.
pub(crate) fn list<T>(
    value: &Json,
    at: &str,
    mut read: impl FnMut(&Json, &str) -> Result<T>,
) -> Result<Vec<T>> {
    let Json::Array(items) = value else { return Err(unexpected(value, at, "a list")) };
    let mut list = Vec::new();
    for (i, item) in items.iter().enumerate() {
        list.push(read(item, &format!("{at}[{i}]"))?);
    }
    Ok(list)
}

/// Reads a value that may be null.
pub(crate) fn optional<T>(value: &Json, read: impl FnOnce(&Json) -> Result<T>) -> Result<Option<T>> {
    if *value == Json::Null { Ok(None) } else { read(value).map(Some) }
}

/// Reads a string.
pub(crate) fn string(value: &Json, at: &str) -> Result<String> {
    value.as_str().map(str::to_string).ok_or_else(|| unexpected(value, at, "a string"))
}

/// Reads true or false.
pub(crate) fn boolean(value: &Json, at: &str) -> Result<bool> {
    if let Json::Bool(value) = value { Ok(*value) } else { Err(unexpected(value, at, "true or false")) }
}

/// Reads a finite number.
pub(crate) fn real(value: &Json, at: &str) -> Result<f64> {
    value.as_f64().filter(|x| x.is_finite()).ok_or_else(|| unexpected(value, at, "a finite number"))
}

/// Reads a number as f32.
pub(crate) fn number(value: &Json, at: &str) -> Result<f32> {
    real(value, at).map(|number| number as f32)
}

/// Reads a whole number that is not negative.
pub(crate) fn whole(value: &Json, at: &str) -> Result<usize> {
    let is_whole = |x: &f64| *x >= 0.0 && *x <= MAX_WHOLE && x.floor() == *x;
    match value.as_f64().filter(is_whole) {
        Some(number) => Ok(number as usize), // saturates where usize has 32 bits
        None => Err(unexpected(value, at, "a whole number from 0 on")),
    }
}

/// Reads one of several words.
pub(crate) fn one_of<T: Copy>(value: &Json, at: &str, choices: &[(&str, T)]) -> Result<T> {
    match choices.iter().find(|(word, _)| value.as_str() == Some(word)) {
        Some((_, choice)) => Ok(*choice),
        None => {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            Err(unexpected(value, at, &words.join(", ")))
        }
    }
}
