//! Settings of `corom.json`, which states every setting.

use super::decided::stated;
use super::source_settings::SourceSettings;
use crate::model::manifest::{FILE_NAME, Manifest};

/// Returns the settings of a manifest.
pub(super) fn settings(manifest: &Manifest) -> SourceSettings {
    SourceSettings {
        pooling: stated(Some(manifest.pooling.clone()), FILE_NAME),
        head: stated(Some(manifest.head.clone()), FILE_NAME),
        normalize: stated(Some(manifest.normalize), FILE_NAME),
        max_length: stated(Some(manifest.max_length), FILE_NAME),
        metric: stated(Some(manifest.metric()), FILE_NAME),
        prompts: stated(Some(manifest.prompts()), FILE_NAME),
    }
}
