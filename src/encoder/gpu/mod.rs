//! The GPU back end: runs the ops of a plan as compute shaders, through wgpu. Feature `gpu`.
//!
//! Natively wgpu uses Vulkan, Metal or Direct3D 12, in a page the browser's WebGPU. Sums are in f32 or, for int8 weights
//! with exact kernels, in integers that equal those of the CPU's exact kernel. Nothing that a device returns is trusted
//! before it has passed the checks of `verify`, and each batch has a text whose result is known. Any doubt is an error
//! with the code `GPU_FAILED`; the caller then runs the batch on the CPU
//! ([`FallbackEncoder`](crate::encoder::FallbackEncoder)).
//!
//! | part | content |
//! |---|---|
//! | `open`, `options`, `device`, `buffer`, `failure` | adapter, device, queue, pipelines; failures, and faults that tests inject |
//! | `shaders/*.wgsl`, `shaders`, `template` | one template per op, with the op's name; their configurations |
//! | `weights` | the weights of an op in the layout of its shader |
//! | `builder`, `join` | packs ops as weights arrive; joins q, k and v to one product |
//! | `slots`, `inputs` | buffers of activations; the numbers of a batch |
//! | `dispatch`, `products`, `run_buffers`, `run` | the dispatches of an op, of the variants of Linear, and of a batch |
//! | `variants`, `candidates` | the choice between the variants of Linear by rows, and what a device may choose |
//! | `submission` | recording dispatches, sending them in pieces, reading back |
//! | `verify`, `known_answers` | ops whose results are known; a text in each batch |
//! | `encoder`, `pace` | runs batches, in submissions of bounded time |

mod buffer;
mod builder;
mod candidates;
mod device;
mod dispatch;
mod encoder;
mod failure;
mod inputs;
mod join;
mod known_answers;
mod open;
mod options;
mod pace;
mod products;
mod run;
mod run_buffers;
mod shaders;
mod slots;
mod submission;
mod template;
#[cfg(test)]
pub(super) mod tests;
mod variants;
mod verify;
mod weights;

pub(super) use builder::{GpuBuilder, unsupported};
pub use device::GpuDevice;
pub use failure::Fault;
#[cfg(target_arch = "wasm32")]
pub use open::WebAdapter;
pub use options::{GpuOptions, IntegerProducts, ProductChecks};
