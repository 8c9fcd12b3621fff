//! A GPU: the adapter, the device, its queue, and the pipelines that were compiled for it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::buffer::GpuBuffer;
use super::failure::{FailureLog, Fault, Faults, failed};
use super::options::IntegerProducts;
use super::shaders::Shader;
use super::variants::Variants;
use crate::error::Result;

/// Bytes of the uniform parameters of a dispatch.
pub(super) const PARAMS_BYTES: u64 = 32;

/// A GPU that models can be loaded onto. Clones are the same device.
///
/// ```no_run
/// use corom::encoder::gpu::{GpuDevice, GpuOptions};
/// use corom::model::LoadOptions;
///
/// let gpu = GpuDevice::open(GpuOptions::default())?;
/// println!("{}", gpu.as_ref().map_or("no GPU", GpuDevice::name));
/// let options = LoadOptions { gpu, ..LoadOptions::default() };
/// let mut embedder = corom::model::folder::load("models/corom".as_ref(), options)?;
/// # Ok::<(), corom::error::Error>(())
/// ```
#[derive(Clone)]
pub struct GpuDevice(Arc<Shared>);

struct Shared {
    traits: DeviceTraits,
    device: wgpu::Device,
    queue: wgpu::Queue,
    failures: FailureLog,
    faults: Faults,
    pipelines: Mutex<BTreeMap<Shader, Arc<Pipeline>>>,
    /// The bytes of all buffers.
    live_bytes: Arc<AtomicU64>,
    /// The bits of the time that the checks of the latest model took: 0 before.
    check_ms: AtomicU64,
    /// See [`GpuDevice::variants_code`].
    variants_code: AtomicU32,
}

/// The properties of a device that decide how it is used.
#[derive(Clone)]
pub(super) struct DeviceTraits {
    pub(super) name: String,
    pub(super) is_software: bool,
    pub(super) has_packed_dot: bool,
    pub(super) checks_products: bool,
    pub(super) integer_products: IntegerProducts,
    pub(super) has_few_registers: bool,
    /// The variants of products that were measured by an earlier load of the model.
    pub(super) kept_variants: Option<Variants>,
    /// True if the variants of products are measured, unless they are kept.
    pub(super) measures_variants: bool,
    pub(super) deadline: Duration,
    /// The time that a submission should take at most.
    pub(super) submission_ms: f64,
    /// Returns the time in milliseconds.
    pub(super) clock: fn() -> f64,
}

/// A compiled shader.
pub(super) struct Pipeline {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
}

impl fmt::Debug for GpuDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GpuDevice").field(&self.0.traits.name).finish()
    }
}

impl GpuDevice {
    /// Takes an open device.
    pub(super) fn new(
        (device, queue): (wgpu::Device, wgpu::Queue),
        traits: DeviceTraits,
        fault: Option<Fault>,
    ) -> Self {
        Self(Arc::new(Shared {
            variants_code: AtomicU32::new(traits.kept_variants.map_or(0, Variants::code)),
            traits,
            device,
            queue,
            failures: FailureLog::default(),
            faults: Faults::new(fault),
            pipelines: Mutex::default(),
            live_bytes: Arc::default(),
            check_ms: AtomicU64::new(0),
        }))
    }

    /// Returns the same device with a fault in one template. The pipelines of the others are not compiled again.
    #[cfg(test)]
    pub(super) fn with_edit(&self, checks_products: bool, fault: Fault) -> Self {
        let traits = DeviceTraits { checks_products, ..self.0.traits.clone() };
        self.with_traits(traits, fault)
    }

    /// Returns the same device with products in integers, and a fault in one template.
    #[cfg(test)]
    pub(super) fn with_integers(&self, integer_products: IntegerProducts, fault: Fault) -> Self {
        let traits = DeviceTraits { integer_products, ..self.0.traits.clone() };
        self.with_traits(traits, fault)
    }

    /// Returns the same device with other times of submissions, which counts its own pieces.
    #[cfg(test)]
    pub(super) fn with_pace(&self, submission_ms: f64, is_software: bool) -> Self {
        let traits = DeviceTraits { submission_ms, is_software, ..self.0.traits.clone() };
        self.with_traits(traits, Fault::Edited("none", "", ""))
    }

    /// Returns the same device, with variants of products that are measured or kept, and a fault in one template.
    #[cfg(test)]
    pub(super) fn with_variants(&self, kept_variants: Option<Variants>, fault: Fault) -> Self {
        let traits = DeviceTraits { kept_variants, measures_variants: true, ..self.0.traits.clone() };
        self.with_traits(traits, fault)
    }

    #[cfg(test)]
    fn with_traits(&self, traits: DeviceTraits, fault: Fault) -> Self {
        let Fault::Edited(template, ..) = fault else { panic!("{fault:?} is no edit") };
        let mut pipelines = self.0.pipelines.lock().unwrap().clone();
        pipelines.retain(|shader, _| shader.template != template);
        Self(Arc::new(Shared {
            variants_code: AtomicU32::new(traits.kept_variants.map_or(0, Variants::code)),
            traits,
            device: self.0.device.clone(),
            queue: self.0.queue.clone(),
            failures: FailureLog::default(),
            faults: Faults::new(Some(fault)),
            pipelines: Mutex::new(pipelines),
            live_bytes: Arc::clone(&self.0.live_bytes),
            check_ms: AtomicU64::new(0),
        }))
    }

    /// Returns how many pipelines of a template are compiled.
    #[cfg(test)]
    pub(super) fn compiled(&self, template: &str) -> usize {
        self.0.pipelines.lock().unwrap().keys().filter(|shader| shader.template == template).count()
    }

    /// Returns the name of the GPU, and the interface that it is used through.
    pub fn name(&self) -> &str {
        &self.0.traits.name
    }

    /// Returns true if the processor emulates the GPU.
    pub fn is_software(&self) -> bool {
        self.0.traits.is_software
    }

    /// Returns the first failure of the device. After it the device computes nothing.
    pub fn failure(&self) -> Option<String> {
        self.0.failures.first()
    }

    /// Records that the device has failed. A page calls this, which learns of failures before this crate does.
    pub fn fail(&self, reason: &str) {
        self.0.failures.record(reason);
    }

    /// Destroys the device and everything on it.
    pub fn destroy(&self) {
        self.0.failures.record("the device was destroyed");
        self.0.device.destroy();
    }

    /// Returns how often work was submitted and buffers were allocated, for tests.
    #[doc(hidden)]
    pub fn counts(&self) -> (u32, u32) {
        self.0.faults.counts()
    }

    /// Returns the bytes of all buffers that models have on the device.
    pub fn live_bytes(&self) -> u64 {
        self.0.live_bytes.load(Ordering::Relaxed)
    }

    /// Returns the time in milliseconds that the device took to pass the checks of the latest model, with the compilation
    /// of shaders: 0 before.
    pub fn check_ms(&self) -> f64 {
        f64::from_bits(self.0.check_ms.load(Ordering::Relaxed))
    }

    pub(super) fn note_check_ms(&self, ms: f64) {
        self.0.check_ms.store(ms.to_bits(), Ordering::Relaxed);
    }

    pub(super) fn deadline(&self) -> Duration {
        self.0.traits.deadline
    }

    /// Returns the time that a submission should take at most.
    pub(super) fn submission_ms(&self) -> f64 {
        self.0.traits.submission_ms
    }

    pub(super) fn clock(&self) -> fn() -> f64 {
        self.0.traits.clock
    }

    pub(super) fn failures(&self) -> &FailureLog {
        &self.0.failures
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Returns true if shaders may call `dot4I8Packed`.
    pub(super) fn has_packed_dot(&self) -> bool {
        self.0.traits.has_packed_dot
    }

    pub(super) fn traits(&self) -> &DeviceTraits {
        &self.0.traits
    }

    /// Returns the number of the variants of products that were measured for the latest model, now or by an earlier load;
    /// 0 before, and where they are not measured. A page passes it to the next load.
    #[cfg(any(target_arch = "wasm32", test))]
    pub(crate) fn variants_code(&self) -> u32 {
        self.0.variants_code.load(Ordering::Relaxed)
    }

    pub(super) fn note_variants(&self, variants: Variants) {
        self.0.variants_code.store(variants.code(), Ordering::Relaxed);
    }

    /// Returns true if the sums of products are checked.
    pub(super) fn checks_products(&self) -> bool {
        self.0.traits.checks_products
    }

    pub(super) fn wgpu(&self) -> (&wgpu::Device, &wgpu::Queue) {
        (&self.0.device, &self.0.queue)
    }

    /// Creates a buffer. Its content is zeros.
    ///
    /// # Errors
    /// `GPU_FAILED` for a size that the device does not support.
    pub(super) fn buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<GpuBuffer> {
        let limits = self.0.device.limits();
        let size = bytes.max(16).next_multiple_of(4);
        if size > limits.max_buffer_size || size > limits.max_storage_buffer_binding_size {
            return Err(failed(&format!(
                "{label} needs {size} bytes, more than a buffer of this device has"
            )));
        }
        let size = if self.0.faults.fails_allocation() { limits.max_buffer_size + 4 } else { size };
        let descriptor =
            wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        let buffer = self.scoped(|| self.0.device.create_buffer(&descriptor))?;
        Ok(GpuBuffer::new(buffer, &self.0.live_bytes))
    }

    /// Runs calls whose errors are those of one model: the other models keep the device. In a page, JavaScript tells the
    /// instance of the model.
    ///
    /// # Errors
    /// `GPU_FAILED` for an error of a call, or if the device has failed.
    fn scoped<T>(&self, calls: impl FnOnce() -> T) -> Result<T> {
        #[cfg(not(target_arch = "wasm32"))]
        {
            use std::task::{Context, Poll, Waker};
            let filters = [wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation];
            let [memory, validation] = filters.map(|filter| self.0.device.push_error_scope(filter));
            let result = calls();
            for scope in [validation, memory] {
                // wgpu knows the error before its future is polled.
                let mut popped = std::pin::pin!(scope.pop());
                let error = popped.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                self.0.failures.check()?;
                if let Poll::Ready(Some(error)) = error {
                    return Err(failed(&error.to_string()));
                }
            }
            Ok(result)
        }
        #[cfg(target_arch = "wasm32")]
        {
            let result = calls();
            self.0.failures.check()?;
            Ok(result)
        }
    }

    /// Creates a buffer that shaders read, with this content.
    ///
    /// # Errors
    /// The errors of [`buffer`](Self::buffer).
    pub(super) fn filled<T: bytemuck::NoUninit>(&self, label: &str, content: &[T]) -> Result<GpuBuffer> {
        let bytes: &[u8] = bytemuck::cast_slice(content);
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let buffer = self.buffer(label, bytes.len() as u64, usage)?;
        // The length of a write is a multiple of 4.
        let whole = bytes.len() / 4 * 4;
        if whole > 0 {
            self.0.queue.write_buffer(&buffer, 0, &bytes[..whole]);
        }
        if whole < bytes.len() {
            let mut last = [0; 4];
            last[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            self.0.queue.write_buffer(&buffer, whole as u64, &last);
        }
        Ok(buffer)
    }

    /// Sends what was written to buffers. Until then wgpu keeps a copy.
    pub(super) fn flush(&self) {
        self.0.queue.submit([]);
    }

    /// Returns the pipeline of a shader, compiled at its first use.
    ///
    /// # Errors
    /// `GPU_FAILED` if the driver rejects the shader.
    pub(super) fn pipeline(&self, shader: &Shader) -> Result<Arc<Pipeline>> {
        let mut pipelines = self.0.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = pipelines.get(shader) {
            return Ok(Arc::clone(pipeline));
        }
        let pipeline = Arc::new(self.scoped(|| self.compile(shader))??);
        pipelines.insert(shader.clone(), Arc::clone(&pipeline));
        Ok(pipeline)
    }

    fn compile(&self, shader: &Shader) -> Result<Pipeline> {
        let device = &self.0.device;
        let mut source = shader.clone();
        if self.0.faults.needs_faulty_shaders() {
            source = source.with_fault();
        }
        if self.0.faults.corrupts(shader.template) {
            source = source.corrupt();
        }
        let label = Some(shader.template);
        let wgsl = source.wgsl()?;
        #[cfg(test)]
        let wgsl = self.0.faults.edit(shader.template, wgsl);
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(wgsl.into()),
        });
        let entry = |binding: u32| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: match binding {
                    0 => wgpu::BufferBindingType::Uniform,
                    _ => wgpu::BufferBindingType::Storage { read_only: binding > 1 },
                },
                has_dynamic_offset: binding == 0,
                min_binding_size: None,
            },
            count: None,
        };
        let entries: Vec<_> = (0..2 + shader.inputs).map(entry).collect();
        let layout =
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        Ok(Pipeline { pipeline, layout })
    }
}
