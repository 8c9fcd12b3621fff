//! Exports for `bench.mjs`: the kernels of corom on generated weights, and their golden hashes.

#[allow(dead_code)]
mod encoder;
#[path = "../../../src/error.rs"]
#[allow(dead_code)]
mod error;
mod golden;
#[cfg(test)]
mod golden_test;
#[allow(missing_docs)]
mod model;

use encoder::cpu::kernels::add_norm::LayerNorm;
use encoder::cpu::kernels::attention::{Qkv, attention};
use encoder::cpu::kernels::linear::{Kernel, Linear, PackF32, PackI4, PackI8};
use encoder::cpu::kernels::{Scratch, activation};
use encoder::spec::AttentionSpec;
use encoder::spec::{Activation, LinearSpec, WeightOrder};
use std::cell::RefCell;

/// The work that `run` repeats.
struct Job {
    run: Box<dyn FnMut()>,
}

thread_local! {
    static JOB: RefCell<Option<Job>> = const { RefCell::new(None) };
}

fn set(run: impl FnMut() + 'static) {
    JOB.with(|job| *job.borrow_mut() = Some(Job { run: Box::new(run) }));
}

fn kernel(number: u32) -> Kernel {
    [Kernel::Exact, Kernel::RelaxedI16, Kernel::RelaxedI32][number as usize]
}

fn activations(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 13 % 101) as f32 - 47.0).collect()
}

/// Added to the bits of a weight that is equalized: its inputs have factors.
const EQUALIZED: u32 = 256;

/// Returns a `Linear` on generated weights. `bits` is 8, 4 or 32, or 8 or 4 plus [`EQUALIZED`].
fn linear(bits: u32, kernel: Kernel, spec: LinearSpec) -> Linear {
    let LinearSpec { inputs, outputs, .. } = spec;
    if bits >= EQUALIZED {
        let factors = (0..inputs).map(|k| 1.0 + (k % 7) as f32 / 8.0).collect();
        return linear(bits - EQUALIZED, kernel, spec).with_input_factors(factors);
    }
    match bits {
        // The scale makes outputs of a few units, as in a model.
        8 => {
            let mut pack = PackI8::new(spec, kernel, vec![1e-5; outputs], vec![0.0; outputs]).unwrap();
            // Approximately normal with a standard deviation of 36, as in a model. One relaxed kernel is faster
            // for blocks without many large weights.
            let mut state = 1u32;
            let mut byte = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as i32
            };
            let weights: Vec<i8> = (0..inputs * outputs)
                .map(|_| ((byte() + byte() + byte() + byte() - 510) / 4) as i8)
                .collect();
            pack.put_i8(WeightOrder::OutIn, 0, &weights);
            pack.finish()
        }
        4 => {
            let mut pack = PackI4::new(spec, kernel, vec![0.0; outputs]).unwrap();
            let bytes: Vec<u8> = (0..pack.file_bytes()).map(|i| (i * 7 % 251) as u8).collect();
            pack.put(0, &bytes);
            pack.put_scales(0, (0..bytes.len() / 16).map(|_| 1e-4));
            pack.finish()
        }
        _ => {
            let mut pack = PackF32::new(spec, kernel, vec![0.0; outputs]).unwrap();
            let row: Vec<f32> = (0..inputs).map(|i| (i * 7 % 251) as f32 * 1e-5).collect();
            (0..outputs).for_each(|n| pack.put(WeightOrder::OutIn, n * inputs, &row));
            pack.finish()
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn set_linear(
    bits: u32,
    kernel_number: u32,
    rows: usize,
    inputs: usize,
    outputs: usize,
    gelu: u32,
) {
    let activation = if gelu == 1 { Activation::Gelu } else { Activation::None };
    let linear = linear(bits, kernel(kernel_number), LinearSpec { inputs, outputs, activation });
    let (x, mut out, mut scratch) = (activations(rows * inputs), vec![0.0; rows * outputs], Scratch::new());
    set(move || linear.forward(&x, rows, &mut out, &mut scratch));
}

#[unsafe(no_mangle)]
extern "C" fn set_attention(kernel_number: u32, tokens: usize, hidden: usize, heads: usize) {
    let (spec, kernel) = (AttentionSpec::new(hidden, heads), kernel(kernel_number));
    let x: Vec<f32> = activations(tokens * 3 * hidden).iter().map(|x| x / 30.0).collect();
    let (mut out, mut scratch) = (vec![0.0; tokens * hidden], Scratch::new());
    set(move || attention(&spec, Qkv::fused(&x, hidden), &[0, tokens], kernel, &mut out, &mut scratch));
}

#[unsafe(no_mangle)]
extern "C" fn set_add_norm(tokens: usize, hidden: usize) {
    let norm = LayerNorm::new(vec![1.0; hidden], vec![0.1; hidden], 1e-12);
    let (mut x, residual) = (activations(tokens * hidden), activations(tokens * hidden));
    set(move || norm.add_norm(&mut x, &residual));
}

#[unsafe(no_mangle)]
extern "C" fn set_gelu(len: usize) {
    let from: Vec<f32> = activations(len).iter().map(|x| x / 15.0).collect();
    let mut x = from.clone();
    set(move || {
        x.copy_from_slice(&from);
        activation::apply(Activation::Gelu, &mut x);
    });
}

/// A base model with generated weights (12 layers, hidden size 768, vocabulary of 1000) and one text of `tokens`.
#[unsafe(no_mangle)]
extern "C" fn set_model(bits: u32, kernel_number: u32, tokens: usize) {
    let shape = model::Shape { layers: 12, hidden: 768, heads: 12, ffn: 3072, vocabulary: 1000, positions: 512 };
    let mut state = 1u32;
    let mut source = |name: &str, len: usize| {
        let (size, shift) = if name.contains("LayerNorm.weight") { (0.1, 1.0) } else { (0.05, 0.0) };
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as f32 - 127.5
        };
        (0..len).map(|_| (byte() + byte() + byte()) * size / 127.5 + shift).collect()
    };
    let at = model::Precision { bits, kernel: kernel(kernel_number) };
    let mut model = model::Model::new(shape, at, &mut source);
    let ids: Vec<u32> = (0..tokens).map(|i| (i * 37 % 1000) as u32).collect();
    set(move || {
        std::hint::black_box(model.forward(&ids, &[0, tokens]));
    });
}

#[unsafe(no_mangle)]
extern "C" fn run(times: u32) {
    JOB.with(|job| {
        if let Some(job) = job.borrow_mut().as_mut() {
            (0..times).for_each(|_| (job.run)());
        }
    });
}

/// Returns true if a relaxed kernel passes its self-check: 1 is relaxed i16, 2 is relaxed i32.
#[unsafe(no_mangle)]
extern "C" fn passes_self_check(kernel_number: u32) -> bool {
    kernel(kernel_number).passes_self_check()
}

/// Returns the number of golden cases.
#[unsafe(no_mangle)]
extern "C" fn golden_cases() -> usize {
    golden::CASES.len()
}

/// Computes the hash of a case.
#[unsafe(no_mangle)]
extern "C" fn golden_hash(case: usize) -> u64 {
    (golden::CASES[case].run)()
}

/// Returns the expected hash of a case.
#[unsafe(no_mangle)]
extern "C" fn golden_expected(case: usize) -> u64 {
    golden::CASES[case].hash
}
