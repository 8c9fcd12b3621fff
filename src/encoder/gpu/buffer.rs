//! A buffer on a device, which is freed when it is dropped.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A buffer. Dropping it frees its memory at once: in a browser, a buffer that is only dropped is garbage that holds
/// memory of the GPU. Work that was submitted before still finishes.
pub(super) struct GpuBuffer {
    buffer: wgpu::Buffer,
    /// The bytes of all buffers of the device.
    live: Arc<AtomicU64>,
}

impl GpuBuffer {
    pub(super) fn new(buffer: wgpu::Buffer, live: &Arc<AtomicU64>) -> Self {
        live.fetch_add(buffer.size(), Ordering::Relaxed);
        Self { buffer, live: Arc::clone(live) }
    }
}

impl Deref for GpuBuffer {
    type Target = wgpu::Buffer;

    fn deref(&self) -> &wgpu::Buffer {
        &self.buffer
    }
}

impl Drop for GpuBuffer {
    fn drop(&mut self) {
        self.live.fetch_sub(self.buffer.size(), Ordering::Relaxed);
        self.buffer.destroy();
    }
}
