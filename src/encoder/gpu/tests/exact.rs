//! Products in integers equal those of the CPU's exact kernel, bit for bit.

use super::{device, wait};
use crate::encoder::cpu::kernels::Scratch;
use crate::encoder::cpu::kernels::linear::{Kernel, Linear, PackI8};
use crate::encoder::cpu::kernels::testing::Random;
use crate::encoder::gpu::device::GpuDevice;
use crate::encoder::gpu::dispatch::GpuOp;
use crate::encoder::gpu::inputs::BatchInputs;
use crate::encoder::gpu::run::params_buffer;
use crate::encoder::gpu::run_buffers::RunBuffers;
use crate::encoder::gpu::submission::{Cut, Part, submit};
use crate::encoder::gpu::weights::{Integers, LinearNumbers, Stored, quads};
use crate::encoder::plan::decode::Int8Weights;
use crate::encoder::spec::{Activation, LinearSpec, WeightOrder};

/// Computes a product on the GPU, in integers.
pub(super) fn on_gpu(
    gpu: &GpuDevice,
    numbers: LinearNumbers,
    x: &[f32],
    rows: usize,
    kind: Integers,
) -> Vec<f32> {
    let spec = numbers.spec;
    let linear = numbers.upload(gpu, kind).unwrap();
    assert_eq!(
        (linear.exact_max.is_some(), linear.has_blocks),
        (kind == Integers::Exact, kind == Integers::Blocks)
    );
    let op = GpuOp::linear(gpu, linear).unwrap();
    let width = quads(spec.inputs) * 4;
    let mut padded = vec![0.0f32; rows * width];
    padded.chunks_exact_mut(width).zip(x.chunks_exact(spec.inputs)).for_each(|(to, from)| {
        to[..spec.inputs].copy_from_slice(from);
    });
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
    let out = gpu.buffer("out", (rows * quads(spec.outputs) * 16) as u64, usage).unwrap();
    let x = gpu.filled("x", &padded).unwrap();
    let values = [&x, &out];
    let scratch = gpu.buffer("scratch", (rows * op.scratch_bytes()) as u64, usage).unwrap();
    let inputs = BatchInputs::default();
    let run = RunBuffers {
        values: &values,
        scratch: &scratch,
        checked: None,
        inputs: &inputs,
        variants: gpu.fixed_variants(),
        uses_blocks: kind == Integers::Blocks,
        fault: 0,
    };
    let dispatches = op.dispatches(&run, &[0], 1, rows).unwrap();
    let params = params_buffer(gpu, 2).unwrap();
    let part = Part { buffer: values[1], rows, width: spec.outputs };
    wait(submit(gpu, &params, &dispatches, &[part], Cut::into(1)).unwrap()).remove(0)
}

#[test]
fn integer_products_equal_the_cpu_bit_for_bit() {
    let Some(gpu) = device() else { return };
    if !gpu.has_packed_dot() {
        return;
    }
    let mut random = Random(15);
    let shapes = [(1, 4, 4), (3, 101, 7), (17, 64, 96), (65, 384, 130), (130, 36, 100), (8, 3072, 72)];
    for (rows, inputs, outputs) in shapes {
        for (has_factors, has_zeros) in [(false, false), (true, false), (true, true), (false, true)] {
            let spec = LinearSpec { inputs, outputs, activation: Activation::None };
            let mut q: Vec<i8> = (0..inputs * outputs).map(|_| random.next() as i8).collect();
            let scale: Vec<f32> = (0..outputs).map(|_| 0.01 + random.normal().abs()).collect();
            let bias = random.normals(outputs);
            let factors =
                if has_factors { (0..inputs).map(|_| 0.5 + random.normal().abs()).collect() } else { vec![] };
            let mut x = random.normals(rows * inputs);
            // Rows of other magnitudes: tiny, huge, zeros, and one with an infinity.
            for (row, size) in [(0, 1.0), (1, 1e-31), (2, 3e37), (3, 0.0), (5, 1e-20), (6, f32::INFINITY)] {
                x.chunks_exact_mut(inputs).nth(row).into_iter().flatten().for_each(|x| *x *= size);
            }
            // The largest sums: the first output has the lowest weights and the highest zero point, row 4 equal inputs.
            q[..inputs].fill(i8::MIN);
            x.chunks_exact_mut(inputs).nth(4).into_iter().flatten().for_each(|x| *x = 1.0);
            let mut zero: Vec<i32> = (0..outputs).map(|_| random.next() as i32 % 256).collect();
            zero[0] = 255;
            let mut pack = if has_zeros {
                PackI8::with_zero_points(spec, Kernel::Exact, scale.clone(), zero.clone(), bias.clone())
                    .unwrap()
            } else {
                zero.clear();
                PackI8::new(spec, Kernel::Exact, scale.clone(), bias.clone()).unwrap()
            };
            pack.put_i8(WeightOrder::OutIn, 0, &q);
            let linear: Linear = pack.finish().with_input_factors(factors.clone());
            let mut expected = vec![0.0; rows * outputs];
            linear.forward(&x, rows, &mut expected, &mut Scratch::new());
            let weights = Int8Weights { q, scale, zero };
            let weight = Stored::Bytes { weights, order: WeightOrder::OutIn };
            let actual =
                on_gpu(&gpu, LinearNumbers { spec, weight, bias, factors }, &x, rows, Integers::Exact);
            for (i, (a, b)) in actual.iter().zip(&expected).enumerate() {
                let both_nan = a.is_nan() && b.is_nan();
                assert!(
                    both_nan || a.to_bits() == b.to_bits(),
                    "{rows} × {inputs} × {outputs}, row {}, output {}: {a:e} instead of {b:e}",
                    i / outputs,
                    i % outputs
                );
            }
        }
    }
}
