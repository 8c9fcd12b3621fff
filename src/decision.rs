//! The settings that a loaded model reports: each value, and the file that decided it.

use serde::Serialize;
use serde_json::Value;

/// One setting of a loaded model.
///
/// ```no_run
/// use std::path::Path;
///
/// let embedder = corom::model::folder::load(Path::new("models/corom"), Default::default())?;
/// for decision in embedder.decisions() {
///     println!("{} = {} ({})", decision.setting, decision.value, decision.source);
/// }
/// # Ok::<(), corom::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// The name of the setting: `pooling`, `head`, `normalize`, `maxLength` …
    pub setting: &'static str,
    /// The value, as JavaScript sees it.
    pub value: Value,
    /// The source of the value: the path of a file in the folder, `options` for an option of the caller,
    /// or `default`.
    pub source: String,
}
