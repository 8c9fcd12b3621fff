//! A value with the source that decided it.

use std::fmt;

use crate::error::Result;

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SettingSource {
    /// An option of the caller.
    Options,
    /// A file of the folder, by its path.
    File(String),
    /// corom's own default.
    Default,
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Options => "options",
            Self::File(path) => path,
            Self::Default => "default",
        })
    }
}

/// A value and its source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decided<T> {
    pub(crate) value: T,
    pub(crate) source: SettingSource,
}

impl<T> Decided<T> {
    pub(crate) fn new(value: T, source: SettingSource) -> Self {
        Self { value, source }
    }

    /// Makes a value that a file states.
    pub(crate) fn by_file(value: T, path: &str) -> Self {
        Self::new(value, SettingSource::File(path.to_owned()))
    }

    /// Returns true if the caller decided.
    pub(crate) fn is_by_caller(&self) -> bool {
        self.source == SettingSource::Options
    }
}

/// The statement of one source about one setting: nothing, a value, or a value that corom cannot use. Such a value is
/// an error only if no source before it decides.
pub(super) type Stated<T> = Option<Decided<Result<T>>>;

/// Makes a statement of a file.
pub(super) fn stated<T>(value: Option<T>, path: &str) -> Stated<T> {
    value.map(|value| Decided::by_file(Ok(value), path))
}

/// Makes a statement of the caller.
pub(super) fn chosen<T>(value: Option<T>) -> Stated<T> {
    value.map(|value| Decided::new(Ok(value), SettingSource::Options))
}
