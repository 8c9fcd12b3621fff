//! Golden hashes: every kernel runs on fixed inputs, and all bits of its outputs are hashed. A native build
//! (`tests/kernels_golden.rs`) and WebAssembly builds with and without relaxed SIMD (`tests/js/kernels.test.mjs`,
//! `bench.mjs --golden`) must give the same hashes.
//!
//! A native build emulates the integer operations of relaxed SIMD with the same bits, so it checks the relaxed
//! integer kernels too. The relaxed f32 kernel has no case, because fused products round differently.

use super::encoder::cpu::kernels::add_norm::LayerNorm;
use super::encoder::cpu::kernels::attention::{Qkv, attention};
use super::encoder::cpu::kernels::embed::{Embed, EmbeddingTable};
use super::encoder::cpu::kernels::linear::{Kernel, Linear, PackF32, PackI4, PackI8};
use super::encoder::cpu::kernels::{Scratch, activation};
use super::encoder::quantize::int4::{BLOCK_I4, quantize_block_i4};
use super::encoder::quantize::int8::{ColumnMax, quantize_rows_i8};
use super::encoder::spec::AttentionSpec;
use super::encoder::spec::{Activation, LinearSpec, WeightOrder};

/// A kernel on fixed inputs.
pub struct Case {
    /// The name, for messages.
    #[allow(dead_code, reason = "the benchmark and the test each use a part")]
    pub name: &'static str,
    /// Computes the hash.
    pub run: fn() -> u64,
    /// The expected hash.
    pub hash: u64,
}

/// All cases.
pub const CASES: &[Case] = &[
    Case { name: "gelu", run: || function(Activation::Gelu), hash: 0xcb40_9986_e9b2_110d },
    Case { name: "gelu_tanh", run: || function(Activation::GeluTanh), hash: 0x36ee_6947_ba22_7464 },
    Case { name: "tanh", run: || function(Activation::Tanh), hash: 0x6cf6_8d14_08a7_e582 },
    Case { name: "int8 exact", run: || int8(Kernel::Exact), hash: 0xd46a_7bd2_ab38_e982 },
    Case { name: "int8 relaxed i16", run: || int8(Kernel::RelaxedI16), hash: 0x1952_6d69_7e7b_6fa6 },
    Case { name: "int8 relaxed i32", run: || int8(Kernel::RelaxedI32), hash: 0x1952_6d69_7e7b_6fa6 },
    Case { name: "int4 exact", run: || int4(Kernel::Exact), hash: 0x78f1_8ae4_e1f4_8a48 },
    Case { name: "int4 relaxed i16", run: || int4(Kernel::RelaxedI16), hash: 0x502b_b267_7001_2b07 },
    Case { name: "int4 relaxed i32", run: || int4(Kernel::RelaxedI32), hash: 0x502b_b267_7001_2b07 },
    Case { name: "f32 exact", run: float, hash: 0xafd1_2e0a_0e70_801f },
    Case { name: "attention exact", run: attend, hash: 0xfb4b_2395_80c0_a187 },
    Case { name: "add_norm", run: add_norm, hash: 0x05c7_2bd2_8fbb_fb37 },
    Case { name: "embed", run: embed, hash: 0x2b41_0754_2b06_1245 },
    Case { name: "int8 exact, Strassen", run: int8_strassen, hash: 0x2ab1_a8d8_a9f9_d89d },
    Case {
        name: "int8 exact, small model",
        run: || small_model(8, Kernel::Exact),
        hash: 0x2142_cb1d_cfef_e4d1,
    },
    Case {
        name: "int8 relaxed i16, small model",
        run: || small_model(8, Kernel::RelaxedI16),
        hash: 0x8d87_00c1_3a97_4c41,
    },
    Case {
        name: "int8 relaxed i32, small model",
        run: || small_model(8, Kernel::RelaxedI32),
        hash: 0x8d87_00c1_3a97_4c41,
    },
    Case {
        name: "int4 exact, small model",
        run: || small_model(4, Kernel::Exact),
        hash: 0xcc96_f797_5e8b_354f,
    },
    Case {
        name: "int4 relaxed i16, small model",
        run: || small_model(4, Kernel::RelaxedI16),
        hash: 0x8ff7_b024_521c_5254,
    },
    Case {
        name: "int4 relaxed i32, small model",
        run: || small_model(4, Kernel::RelaxedI32),
        hash: 0x8ff7_b024_521c_5254,
    },
    Case { name: "attention exact, small model", run: attend_small_model, hash: 0x0129_e0e7_0000_5dac },
];

/// Returns the FNV-1a hash of the bits. The values have no NaN, whose payload is not defined.
fn hash(values: &[f32]) -> u64 {
    values.iter().flat_map(|x| x.to_bits().to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Returns approximately normal numbers, which are exact in `f32`.
fn normals(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as i32 - (1 << 23)
    };
    (0..len).map(|_| (next() + next() + next()) as f32 / (1 << 23) as f32).collect()
}

/// Hashes an activation function over floats of all magnitudes.
fn function(function: Activation) -> u64 {
    let mut x: Vec<f32> = (0..200_000).map(|i| f32::from_bits(i * 21_221)).filter(|x| !x.is_nan()).collect();
    x.extend((-30_000..30_000).map(|i| i as f32 / 2_000.0));
    activation::apply(function, &mut x);
    x.retain(|y| !y.is_nan());
    hash(&x)
}

const ROWS: usize = 7;
const SPEC: LinearSpec = LinearSpec { inputs: 203, outputs: 45, activation: Activation::Gelu };

fn forward(linear: &Linear) -> u64 {
    forward_rows(linear, ROWS)
}

fn forward_rows(linear: &Linear, rows: usize) -> u64 {
    let LinearSpec { inputs, outputs, .. } = *linear.spec();
    let mut out = vec![0.0; rows * outputs];
    linear.forward(&normals(1, rows * inputs), rows, &mut out, &mut Scratch::new());
    hash(&out)
}

fn int8(kernel: Kernel) -> u64 {
    forward(&pack_int8(SPEC, kernel))
}

/// Enough rows for `strassen`, with rows and a panel left over, and a shorter last step.
fn int8_strassen() -> u64 {
    forward_rows(&pack_int8(LinearSpec { inputs: 204, outputs: 37, ..SPEC }, Kernel::Exact), 75)
}

fn pack_int8(spec: LinearSpec, kernel: Kernel) -> Linear {
    let weights = normals(2, spec.inputs * spec.outputs);
    let mut max = ColumnMax::new(spec, WeightOrder::InOut).unwrap();
    max.update(0, weights.iter().copied());
    let mut pack = PackI8::new(spec, kernel, max.into_scales(), normals(3, spec.outputs)).unwrap();
    pack.put_f32(WeightOrder::InOut, 0, weights.iter().copied()).unwrap();
    pack.finish()
}

fn int4(kernel: Kernel) -> u64 {
    forward(&pack_int4(SPEC, kernel))
}

fn pack_int4(spec: LinearSpec, kernel: Kernel) -> Linear {
    let mut pack = PackI4::new(spec, kernel, normals(3, spec.outputs)).unwrap();
    for (n, row) in normals(2, spec.inputs * spec.outputs).chunks(spec.inputs).enumerate() {
        for (b, block) in row.chunks(BLOCK_I4).enumerate() {
            pack.put_block(n, b, &quantize_block_i4(block));
        }
    }
    pack.finish()
}

/// The up-projection of a model with hidden size 96, and rows that leave a row over after 32 whole tiles.
fn small_model(bits: u32, kernel: Kernel) -> u64 {
    let spec = LinearSpec { inputs: 96, outputs: 384, activation: Activation::Gelu };
    let linear = if bits == 8 { pack_int8(spec, kernel) } else { pack_int4(spec, kernel) };
    forward_rows(&linear, 129)
}

fn float() -> u64 {
    let mut pack = PackF32::new(SPEC, Kernel::Exact, normals(3, SPEC.outputs)).unwrap();
    pack.put(WeightOrder::InOut, 0, &normals(2, SPEC.inputs * SPEC.outputs));
    forward(&pack.finish())
}

fn attend() -> u64 {
    let (spec, tokens) = (AttentionSpec::new(60, 3), 30);
    let qkv: Vec<f32> = normals(4, tokens * 180).iter().map(|x| x * 2.0).collect();
    let mut out = vec![0.0; tokens * 60];
    attention(&spec, Qkv::fused(&qkv, 60), &[0, 11, 12, 30], Kernel::Exact, &mut out, &mut Scratch::new());
    hash(&out)
}

/// Hidden size 384 with 12 heads.
fn attend_small_model() -> u64 {
    let (spec, tokens) = (AttentionSpec::new(384, 12), 70);
    let qkv: Vec<f32> = normals(4, tokens * 3 * 384);
    let mut out = vec![0.0; tokens * 384];
    attention(&spec, Qkv::fused(&qkv, 384), &[0, 64, 70], Kernel::Exact, &mut out, &mut Scratch::new());
    hash(&out)
}

fn add_norm() -> u64 {
    let (mut x, residual) = (normals(5, 9 * 203), normals(6, 9 * 203));
    LayerNorm::new(normals(7, 203), normals(8, 203), 1e-12).add_norm(&mut x, &residual);
    hash(&x)
}

fn embed() -> u64 {
    let (word, scales) = quantize_rows_i8(&normals(9, 50 * 37), 37).unwrap();
    let norm = LayerNorm::new(normals(7, 37), normals(8, 37), 1e-12);
    let (types, positions) =
        (EmbeddingTable::f32(37, normals(10, 2 * 37)), EmbeddingTable::f32(37, normals(11, 8 * 37)));
    let embed = Embed::new(EmbeddingTable::i8(37, word, scales), Some(types), Some(positions), norm);
    let mut out = vec![0.0; 9 * 37];
    let ids = [1, 2, 3, 4, 5, 49, 48, 0, 7];
    let known = embed.forward(&ids, &[0, 0, 1, 1, 0, 0, 0, 1, 1], &[0, 5, 9], &mut out).is_ok();
    if known { hash(&out) } else { 0 }
}
