//! Opens a GPU: natively through wgpu, in a page the one that the host's JavaScript has opened.

#[cfg(not(target_arch = "wasm32"))]
use std::sync::{Arc, LazyLock};
use std::time::Duration;
#[cfg(not(target_arch = "wasm32"))]
use std::time::Instant;

use super::device::{DeviceTraits, GpuDevice};
use super::failure::failed;
#[cfg(any(target_arch = "wasm32", test))]
use super::options::IntegerProducts;
#[cfg(not(target_arch = "wasm32"))]
use super::options::{GpuOptions, ProductChecks};
#[cfg(any(target_arch = "wasm32", test))]
use super::variants::Variants;
use crate::error::Result;

/// The vendors whose drivers are known to lose results: Qualcomm, Arm and Imagination. Natively these are PCI ids or ids
/// of Khronos.
#[cfg(not(target_arch = "wasm32"))]
const CHECKED_VENDORS: [u32; 3] = [0x5143, 0x13b5, 0x1010];

/// These vendors as browsers call them. A browser that hides the vendor may run on any of them.
#[cfg(any(target_arch = "wasm32", test))]
const CHECKED_VENDOR_NAMES: [&str; 5] = ["qualcomm", "arm", "img-tec", "imagination", ""];

/// The PCI id of Intel. Like the GPUs of phones, its older GPUs have few registers per thread.
#[cfg(not(target_arch = "wasm32"))]
const INTEL: u32 = 0x8086;

#[cfg(not(target_arch = "wasm32"))]
const DEADLINE: Duration = Duration::from_secs(60);

/// The time of a submission where nothing is drawn.
#[cfg(not(target_arch = "wasm32"))]
const SUBMISSION_MS: f64 = 100.0;

/// Returns the time in milliseconds.
#[cfg(not(target_arch = "wasm32"))]
fn clock() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64() * 1e3
}

/// The adapter of a page's GPU, as JavaScript sees it.
#[cfg(any(target_arch = "wasm32", test))]
#[derive(Debug, Clone)]
pub struct WebAdapter {
    /// The name to display.
    pub name: String,
    /// `GPUAdapterInfo.vendor`: `nvidia` for instance, or empty.
    pub vendor: String,
    /// True if the processor emulates the GPU.
    pub is_software: bool,
    /// The time in milliseconds that a submission should take at most. The page draws between submissions.
    pub submission_ms: f64,
    /// [`GpuDevice::variants_code`] of an earlier load of the same model on the same GPU. Other numbers mean that nothing is
    /// known.
    pub variants: u32,
    /// Returns the time in milliseconds.
    pub clock: fn() -> f64,
}

#[cfg(any(target_arch = "wasm32", test))]
impl WebAdapter {
    fn traits(&self, has_packed_dot: bool) -> DeviceTraits {
        let checks_products = !self.is_software && CHECKED_VENDOR_NAMES.contains(&self.vendor.as_str());
        DeviceTraits {
            name: format!("{} (webgpu)", self.name),
            is_software: self.is_software,
            has_packed_dot,
            checks_products,
            integer_products: IntegerProducts::Auto,
            has_few_registers: checks_products || self.vendor == "intel",
            kept_variants: Variants::from_code(self.variants),
            measures_variants: !self.is_software,
            // JavaScript has a deadline, which knows when the computer was asleep.
            deadline: Duration::MAX,
            submission_ms: self.submission_ms,
            clock: self.clock,
        }
    }
}

/// The limits of a device. Larger buffers than the default are only for large tables. Everything else keeps to the
/// default limits.
fn required_limits(own: &wgpu::Limits) -> Result<wgpu::Limits> {
    let required = wgpu::Limits {
        max_buffer_size: own.max_buffer_size,
        max_storage_buffer_binding_size: own.max_storage_buffer_binding_size,
        ..wgpu::Limits::default()
    };
    match required.check_limits(own) {
        true => Ok(required),
        false => Err(failed("the device has less than the default limits of WebGPU")),
    }
}

async fn open_device(adapter: &wgpu::Adapter) -> Result<(wgpu::Device, wgpu::Queue)> {
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("corom"),
        required_limits: required_limits(&adapter.limits())?,
        ..wgpu::DeviceDescriptor::default()
    };
    adapter.request_device(&descriptor).await.map_err(|error| failed(&error.to_string()))
}

fn has_packed_dot(instance: &wgpu::Instance) -> bool {
    instance.wgsl_language_features().contains(wgpu::WgslLanguageFeatures::Packed4x8IntegerDotProduct)
}

#[cfg(target_arch = "wasm32")]
impl GpuDevice {
    /// Opens the GPU that the page has opened. The host watches it for failures, and calls [`fail`](Self::fail).
    ///
    /// # Errors
    /// `GPU_FAILED` if there is none, or it cannot be used.
    pub async fn open_web(web: &WebAdapter) -> Result<Self> {
        // Without this question wgpu panics where there is no GPU.
        if !wgpu::util::is_browser_webgpu_supported().await {
            return Err(failed("the page has none"));
        }
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await;
        let adapter = adapter.map_err(|error| failed(&error.to_string()))?;
        let opened = open_device(&adapter).await?;
        Ok(Self::new(opened, web.traits(has_packed_dot(&instance)), None))
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl GpuDevice {
    /// Opens the GPU of this machine. Returns `None` if there is none.
    ///
    /// # Errors
    /// `GPU_FAILED` if there is one that cannot be opened.
    pub fn open(options: GpuOptions) -> Result<Option<Self>> {
        use std::task::{Context, Poll, Waker};
        // wgpu has answered before its futures are polled.
        let mut request = std::pin::pin!(Self::request(options));
        match request.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(device) => device,
            Poll::Pending => Err(failed("the driver did not answer")),
        }
    }

    async fn request(options: GpuOptions) -> Result<Option<Self>> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let adapter_options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let Ok(adapter) = instance.request_adapter(&adapter_options).await else { return Ok(None) };
        let info = adapter.get_info();
        let is_software = info.device_type == wgpu::DeviceType::Cpu;
        if is_software && !options.allow_software {
            return Ok(None);
        }
        let opened = open_device(&adapter).await?;
        let (name, backend) = (&info.name, info.backend);
        let traits = DeviceTraits {
            name: if name.is_empty() { backend.to_string() } else { format!("{name} ({backend})") },
            is_software,
            checks_products: match options.product_checks {
                ProductChecks::Auto => CHECKED_VENDORS.contains(&info.vendor),
                ProductChecks::Always => true,
                ProductChecks::Never => false,
            },
            integer_products: options.integer_products,
            has_few_registers: info.vendor == INTEL || CHECKED_VENDORS.contains(&info.vendor),
            kept_variants: None,
            measures_variants: !is_software,
            has_packed_dot: has_packed_dot(&instance),
            deadline: options.deadline.unwrap_or(if is_software { 10 * DEADLINE } else { DEADLINE }),
            submission_ms: SUBMISSION_MS,
            clock,
        };
        let gpu = Self::new(opened, traits, options.fault);
        let (device, log) = (gpu.wgpu().0, gpu.failures().clone());
        device.set_device_lost_callback(move |_, reason| {
            log.record(format!("the device was lost ({reason})"));
        });
        let log = gpu.failures().clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| log.record(error.to_string())));
        Ok(Some(gpu))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_checked_on_phones_and_where_the_browser_hides_the_vendor() {
        let traits = |vendor: &str, is_software| {
            let (name, vendor) = (String::new(), vendor.to_owned());
            let (variants, clock) = (0, || 0.0);
            let web = WebAdapter { name, vendor, is_software, submission_ms: 20.0, variants, clock };
            let traits = web.traits(true);
            (traits.checks_products, traits.has_few_registers)
        };
        for (vendor, expected) in [
            ("qualcomm", (true, true)),
            ("arm", (true, true)),
            ("img-tec", (true, true)),
            ("", (true, true)),
            ("intel", (false, true)),
            ("nvidia", (false, false)),
            ("apple", (false, false)),
        ] {
            assert_eq!(traits(vendor, false), expected, "{vendor}");
        }
        assert_eq!(traits("", true), (false, false));
    }
}
