//! Times shaders alone: the peak of multiply-adds, and a product.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use serde_json::{Value, json};

use crate::Fallible;

const PERIOD_X: usize = 17;
const PERIOD_W: usize = 13;
/// Rows that are checked at each end of a product.
const CHECKED: usize = 64;
/// The least time of a sample of products, in milliseconds, and the most products of a sample.
const SAMPLE_MS: f64 = 50.0;
const MAX_CALLS: u32 = 64;
/// Workgroups of the peak's shader, and threads per workgroup.
const PEAK_GROUPS: u32 = 2048;
const PEAK_THREADS: u32 = 256;
const MAX_STEPS: u32 = 1 << 24;

/// An adapter with a device for shaders alone.
pub(crate) struct Device {
    info: wgpu::AdapterInfo,
    features: wgpu::Features,
    has_packed_dot: bool,
    device: wgpu::Device,
    queue: wgpu::Queue,
}

/// Returns the result of a future that natively is ready at once.
fn ready<T>(future: impl Future<Output = T>) -> Fallible<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err("the driver did not answer".into()),
    }
}

fn bytes_of(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Input `k` of a row: small integers, so that each sum is exact.
fn input(row: usize, k: usize) -> f32 {
    ((row % PERIOD_X * 3 + k * 7) % PERIOD_X) as f32 - 8.0
}

fn weight(output: usize, k: usize) -> f32 {
    ((output % PERIOD_W * 5 + k * 3) % PERIOD_W) as f32 - 6.0
}

impl Device {
    pub(crate) fn open() -> Fallible<Self> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = ready(instance.request_adapter(&options))??;
        let (device, queue) = ready(adapter.request_device(&wgpu::DeviceDescriptor::default()))??;
        let language = instance.wgsl_language_features();
        Ok(Self {
            info: adapter.get_info(),
            features: adapter.features(),
            has_packed_dot: language.contains(wgpu::WgslLanguageFeatures::Packed4x8IntegerDotProduct),
            device,
            queue,
        })
    }

    pub(crate) fn describe(&self) -> Value {
        let Self { info, .. } = self;
        json!({
            "vendor": format!("{:#06x}", info.vendor),
            "architecture": "",
            "device": format!("{:#06x}", info.device),
            "description": format!("{} ({})", info.name, info.backend),
            "driver": format!("{} {}", info.driver, info.driver_info),
            "isSoftware": info.device_type == wgpu::DeviceType::Cpu,
            "hasHalfFloats": self.features.contains(wgpu::Features::SHADER_F16),
            "hasPackedDot": self.has_packed_dot,
            "hasTimestamps": self.features.contains(wgpu::Features::TIMESTAMP_QUERY),
        })
    }

    fn pipeline(&self, code: &str) -> wgpu::ComputePipeline {
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(code.into()),
        });
        self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        })
    }

    fn buffer(&self, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let usage = usage | wgpu::BufferUsages::COPY_DST;
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size,
            usage,
            mapped_at_creation: false,
        })
    }

    fn filled(&self, content: &[u8], usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let buffer = self.buffer(content.len() as u64, usage);
        self.queue.write_buffer(&buffer, 0, content);
        buffer
    }

    fn wait(&self) -> Fallible<()> {
        self.device.poll(wgpu::PollType::wait_indefinitely())?;
        Ok(())
    }

    /// Runs a pipeline `calls` times in one submission. Returns the milliseconds until all have ended.
    fn run(
        &self,
        pipeline: &wgpu::ComputePipeline,
        buffers: &[&wgpu::Buffer],
        groups: [u32; 2],
        calls: u32,
    ) -> Fallible<f64> {
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &group, &[]);
        for _ in 0..calls {
            pass.dispatch_workgroups(groups[0], groups[1], 1);
        }
        drop(pass);
        // Earlier writes are no part of the time.
        self.queue.submit([]);
        self.wait()?;
        let start = Instant::now();
        self.queue.submit([encoder.finish()]);
        self.wait()?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }

    /// Returns GFLOP/s of each round. `operations` are those of a thread per step; a sample takes at least `sample_ms`.
    pub(crate) fn peak(
        &self,
        code: &str,
        operations: f64,
        sample_ms: f64,
        rounds: usize,
    ) -> Fallible<Vec<f64>> {
        let threads = PEAK_GROUPS * PEAK_THREADS;
        let pipeline = self.pipeline(code);
        let sums = self.buffer(u64::from(threads) * 16, wgpu::BufferUsages::STORAGE);
        let sample = |steps: u32| {
            let mut params = bytes_of(&[0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0]);
            params.extend([steps, 0, 0, 0].map(u32::to_le_bytes).concat());
            let params = self.filled(&params, wgpu::BufferUsages::UNIFORM);
            self.run(&pipeline, &[&sums, &params], [PEAK_GROUPS, 1], 1)
        };
        let mut steps = 1;
        while sample(steps)? < sample_ms && steps < MAX_STEPS {
            steps *= 2;
        }
        let total = operations * f64::from(steps) * f64::from(threads);
        (0..rounds).map(|_| Ok(total / sample(steps)? / 1e6)).collect()
    }

    /// Returns GFLOP/s of each round of a product of `size` by `size` numbers. `tile` are the rows and the outputs of a
    /// workgroup.
    pub(crate) fn product(&self, code: &str, tile: u32, size: usize, rounds: usize) -> Fallible<Vec<f64>> {
        let pipeline = self.pipeline(code);
        let matrix = |value: fn(usize, usize) -> f32| {
            let numbers: Vec<f32> = (0..size * size).map(|i| value(i / size, i % size)).collect();
            self.filled(&bytes_of(&numbers), wgpu::BufferUsages::STORAGE)
        };
        let quads = (size / 4) as u32;
        let params = [size as u32, quads, quads, 0, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
        let params = self.filled(&params, wgpu::BufferUsages::UNIFORM);
        let y =
            self.buffer(4 * (size * size) as u64, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC);
        // Scales of 1, zero points and biases of 0.
        let mut vectors = vec![0.0; 3 * size];
        vectors[..size].fill(1.0);
        let vectors = self.filled(&bytes_of(&vectors), wgpu::BufferUsages::STORAGE);
        let (x, w) = (matrix(input), matrix(weight));
        let buffers = [&params, &y, &x, &w, &vectors];
        let side = (size as u32).div_ceil(tile);
        let sample = |calls: u32| -> Fallible<f64> {
            Ok(self.run(&pipeline, &buffers, [side, side], calls)? / f64::from(calls))
        };
        let first = sample(1)?;
        self.check(&y, size)?;
        let ms = first.min(sample(1)?);
        let calls = ((SAMPLE_MS / ms).ceil() as u32).clamp(1, MAX_CALLS);
        (0..rounds).map(|_| Ok(2.0 * (size as f64).powi(3) / sample(calls)? / 1e6)).collect()
    }

    /// Compares the first and the last rows of a product with their sums.
    fn check(&self, y: &wgpu::Buffer, size: usize) -> Fallible<()> {
        let row_bytes = 4 * size as u64;
        let usage = wgpu::BufferUsages::MAP_READ;
        for first in [0, size - CHECKED] {
            let staging = self.buffer(CHECKED as u64 * row_bytes, usage);
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encoder.copy_buffer_to_buffer(y, first as u64 * row_bytes, &staging, 0, staging.size());
            self.queue.submit([encoder.finish()]);
            staging.map_async(wgpu::MapMode::Read, .., |_| {});
            self.wait()?;
            let view = staging.get_mapped_range(..)?;
            for (i, bytes) in view.as_chunks::<4>().0.iter().enumerate() {
                let (row, output) = (first + i / size, i % size);
                let expected: f32 = (0..size).map(|k| input(row, k) * weight(output, k)).sum();
                let actual = f32::from_le_bytes(*bytes);
                if actual != expected {
                    return Err(format!(
                        "the product is wrong: row {row}, output {output} is {actual} instead of {expected}"
                    )
                    .into());
                }
            }
        }
        Ok(())
    }
}
