//! Tests of the GPU back end that look inside it. `op_tests` runs its ops, `tests/gpu.rs` whole models.
//!
//! They need an adapter, which may be a processor that emulates one (`scripts/gpu.sh` says how). Without an adapter they
//! return early, unless `COROM_GPU_REQUIRED` is set.

mod blocks;
mod exact;
mod known;
mod queue;
mod shaders;
mod stages;
mod variants;

use std::sync::OnceLock;

pub(super) use self::stages::load;
use super::device::GpuDevice;
use super::options::GpuOptions;
use super::submission::Readback;

/// Returns the GPU of the tests, which all of them share.
pub(in crate::encoder) fn device() -> Option<GpuDevice> {
    static DEVICE: OnceLock<Option<GpuDevice>> = OnceLock::new();
    DEVICE.get_or_init(open).clone()
}

fn open() -> Option<GpuDevice> {
    let device = GpuDevice::open(GpuOptions { allow_software: true, ..GpuOptions::default() }).unwrap();
    let is_required = std::env::var_os("COROM_GPU_REQUIRED").is_some();
    assert!(device.is_some() || !is_required, "COROM_GPU_REQUIRED is set, and there is no adapter");
    device
}

/// Waits for results.
pub(super) fn wait(mut readback: Readback) -> Vec<Vec<f32>> {
    loop {
        if let Some(parts) = readback.poll().unwrap() {
            return parts;
        }
        std::thread::yield_now();
    }
}
