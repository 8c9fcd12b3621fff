//! The fused `Linear`: `y[M, N] = act(x[M, K] · W[N, K]ᵀ + bias[N])`.
//!
//! # Notation
//!
//! | symbol | meaning |
//! |---|---|
//! | M, N, K | rows (tokens), outputs, inputs |
//! | tile | MR = 4 rows of `x` that a kernel computes at once (`TILE_ROWS`); the last tile of a strip may be shorter |
//! | panel | NR = 8 outputs of `W`, padded with zeros (`PANEL_COLUMNS`) |
//! | strip | 64 to 512 rows of `x`, packed at once so that they stay in the second-level cache |
//! | group | 16 panels between two passes of the activation function |
//! | pair, quad | 2 or 4 neighboring inputs in one 32-bit lane: two `i16` or four `i8` |
//! | pass | the panels that a kernel computes at once: two vectors of outputs ([`Simd::PANELS`](super::simd::Simd::PANELS)) |
//! | step | 32 or 64 pairs of inputs, which the exact int8 kernel widens at once |
//! | block | inputs that share a scale: 64 or 32 of an activation row, 32 of a 4-bit weight |
//! | s, z, q | scale, zero point, integer: `value ≈ s · (q − z)` |
//! | s_x, s_w | scale of activations, scale of weights; likewise z and q |
//!
//! # Algorithm
//!
//! Weights are packed once, while the model loads:
//!
//! ```text
//! pack(W):
//!     for each panel, for each unit of inputs (1, a pair or a quad), for each of the 8 outputs:
//!         store the weights of the unit
//! ```
//!
//! Each call then does:
//!
//! ```text
//! forward(x):
//!     for each strip of x:
//!         for each tile: multiply its rows by the input factors        activation_rows, if weights are equalized
//!                        quantize them, store them interleaved         pack_activations, pack_activation_blocks
//!         for each group of panels:
//!             for each pass of the group:
//!                 for each step or block of inputs:                    the kernels
//!                     widen or unpack the weights
//!                     for each tile of the strip:
//!                         sums[4][2 vectors] += acts[4] · weights[2 vectors]
//!                 for each row: y = s · sums + bias                    epilogue
//!             y = act(y)                                               activation
//! ```
//!
//! A tile of 4 rows by two vectors is the largest whose sums stay in registers: eight vectors of sums, two of
//! weights and one of activations, of the sixteen that x86-64 has. A strip is packed once and read once per
//! pass. The loop over steps is outside the loop over tiles, so the weights of a step are widened once, and
//! the next ones arrive from memory while all tiles use them.
//!
//! # Kernels
//!
//! | kernel | file | what it changes |
//! |---|---|---|
//! | reference | [`encoder::reference`](crate::encoder::reference::linear) | scalar loops; defines the result |
//! | exact int8 | `i8`, `i8_product` | activations of up to 13 bits, one scale per row; sums exact in `i32` |
//! | exact int8 + Strassen | `strassen` | from 64 rows on, seven block products instead of eight; the same bits |
//! | relaxed-i16 int8 | `i8_relaxed` | activations of 7 bits in blocks of 64; `i16x8.relaxed_dot_i8x16_i7x16_s` |
//! | relaxed-i32 int8 | `i8_relaxed` | the same bits as relaxed-i16; `i32x4.relaxed_dot_i8x16_i7x16_add_s` |
//! | exact f32 | `f32` | no quantization; products and sums rounded separately, in a fixed order |
//! | relaxed f32 | `f32` | products fused with sums: the only kernel whose bits depend on the machine |
//! | exact int4 | `i4` | weights of 4 bits unpacked in registers; activations of 15 bits, one scale per row |
//! | relaxed-i16, relaxed-i32 int4 | `i4_relaxed` | activations of 8 bits in blocks of 32 |
//!
//! The two relaxed integer kernels share their weights, so [`Autotuner`] can time both during real calls and
//! keep the faster one.
//!
//! `./build.sh bench --only kernels` measures all of them. For one kernel, with the two builds that it leaves
//! in `target/bench/kernels` and rates in GMAC/s:
//!
//! ```text
//! node benches/kernels/bench.mjs target/bench/kernels/plain.wasm --only 'int8 exact (8|16|32)x'     exact int8
//! node benches/kernels/bench.mjs target/bench/kernels/plain.wasm --only 'int8 exact (64|128)x'      with Strassen
//! node benches/kernels/bench.mjs target/bench/kernels/plain.wasm --only 'int4 exact'                exact int4
//! node benches/kernels/bench.mjs target/bench/kernels/plain.wasm --only 'f32 exact'                 exact f32
//! node benches/kernels/bench.mjs target/bench/kernels/relaxed.wasm --relaxed --only 'int8 relaxed i16'
//! node benches/kernels/bench.mjs target/bench/kernels/relaxed.wasm --relaxed --only 'int8 relaxed i32'
//! node benches/kernels/bench.mjs target/bench/kernels/relaxed.wasm --relaxed --only 'int4 relaxed'
//! node benches/kernels/bench.mjs target/bench/kernels/relaxed.wasm --relaxed --only 'f32 relaxed'
//! ```
//!
//! # Packed weights
//!
//! | weights | packed by | bytes per weight | [`Linear`] |
//! |---|---|---|---|
//! | int8, one scale per output | [`PackI8`] | 1 | `I8` or `I8Relaxed` |
//! | 4 bits, one scale and zero point per block of 32 | [`PackI4`] | 0.64 | `I4` |
//! | f32 | [`PackF32`] | 4 | `F32` |

mod activation_rows;
mod autotune;
mod blocked_loop;
mod epilogue;
mod f32;
mod i4;
mod i4_relaxed;
mod i8;
mod i8_product;
mod i8_relaxed;
mod kernel;
mod layout;
mod pack_activation_blocks;
mod pack_activations;
mod pack_f32;
mod pack_i4;
mod pack_i8;
mod packed_linear;
mod relaxed_panel;
mod self_check;
mod strassen;
#[cfg(test)]
mod tests;
mod tiles;
mod warm_up;
mod weight_format;
mod weight_runs;

pub use autotune::Autotuner;
pub use f32::LinearF32;
pub(super) use f32::{FloatSums, float_panels, multiply_tile as multiply_tile_f32};
pub use i4::LinearI4;
pub use i8::LinearI8;
pub use i8_relaxed::LinearI8Relaxed;
pub use kernel::Kernel;
pub(super) use layout::{PANEL_COLUMNS, PanelRow, TILE_ROWS};
pub use pack_f32::PackF32;
pub use pack_i4::PackI4;
pub use pack_i8::PackI8;
pub use packed_linear::Linear;
pub use weight_format::WeightFormat;
