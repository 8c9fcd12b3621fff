//! Loads a folder onto a GPU, and onto the CPU where the GPU fails.

use std::path::Path;

use super::options::LoadOptions;
use crate::embedder::Embedder;
use crate::encoder::FallbackEncoder;
use crate::error::{ErrorCode, Result};

/// Loads a folder with `load`. Goes on with the CPU if the GPU fails, while the model is loaded or later: then the folder
/// is read again. [`EncoderInfo::fallback`](crate::encoder::EncoderInfo::fallback) has the reason.
///
/// # Errors
/// The errors of `load` with the CPU.
pub(super) fn load(
    folder: &Path,
    options: LoadOptions,
    load: fn(&Path, LoadOptions) -> Result<Embedder>,
) -> Result<Embedder> {
    let cpu = LoadOptions { gpu: None, ..options.clone() };
    let embedder = match load(folder, options) {
        Err(error) if matches!(error.code(), ErrorCode::GpuFailed | ErrorCode::SelfTestFailed) => {
            let reason = error.message().to_owned();
            let embedder = load(folder, cpu)?;
            return Ok(embedder.map_encoder(|encoder| Box::new(FallbackEncoder::on_cpu(encoder, reason))));
        }
        loaded => loaded?,
    };
    if embedder.encoder().info().device.is_none() {
        return Ok(embedder);
    }
    let folder = folder.to_owned();
    let reload = move || Ok(load(&folder, cpu.clone())?.into_encoder());
    Ok(embedder.map_encoder(|encoder| Box::new(FallbackEncoder::new(encoder, Box::new(reload)))))
}
