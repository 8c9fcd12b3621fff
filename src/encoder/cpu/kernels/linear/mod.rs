//! `Linear`: weights packed once into panels of eight outputs, rows of activations through them
//! four at a time.
//!
//! | weights | made by | bytes a weight | activations, exact kernel | relaxed kernels |
//! |---|---|---|---|---|
//! | int8 per output | [`PackI8`] | 1 | up to 13 bits a row | 7 bits in blocks of 64, zero point |
//! | 4 bits in blocks of 32 | [`PackI4`] | 0.66 | 15 bits a row | 8 bits in blocks of 32 |
//! | f32 | [`PackF32`] | 4 | as they are | as they are, fused multiply-add |

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
mod packed_size;
pub mod quantize;
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
pub(super) use f32::multiply_tile as multiply_tile_f32;
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
