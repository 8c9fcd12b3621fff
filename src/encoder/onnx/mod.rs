//! Reads an ONNX file: parses and checks it, finds its external data, and translates its graph into
//! the typed graph (`encoder/graph`).
//!
//! ```text
//! chunks ──OnnxReader──▶ OnnxFile ──OnnxGraph──▶ checked, pruned nodes ──translate──▶ TypedModel
//!          without weights          schema: operands and attributes        ▲
//!                                   weights as WeightPlaceholder          │
//!                                                          registry: (domain, op) → translator
//! ```
//!
//! Each operator is translated by one small function, without tract's ONNX front end, for three
//! reasons:
//!
//! - Nothing in a damaged file reaches tract unchecked. A panic in tract would end the WebAssembly
//!   instance.
//! - Only the operators of BERT exports are compiled in.
//! - Weights are taken one at a time, so no weight is in memory twice.

mod contrib;
mod external;
mod graph;
mod graph_input;
mod input_use;
mod layers;
mod model_sizes;
mod node;
mod node_context;
mod onnx_file;
mod onnx_model;
mod ops;
pub mod pb;
mod reader;
mod registry;
mod schema;
mod skipped;
mod tensor;
mod tensor_info;
mod translate;
mod typed_graph_builder;
mod value;
mod weight;
mod weight_buffer;

pub(crate) use contrib::blockwise::BlockwiseMatrix;
#[cfg(feature = "cli")]
pub(crate) use external::inline_all_tensors;
pub use external::{ExternalFile, ONNX_FILE_ITSELF};
#[cfg(feature = "convert")]
pub(crate) use external::{ReadRange, inline_small_tensors};
pub(crate) use external::{check_byte_reuse, tensor_bytes};
pub(crate) use graph::{OnnxGraph, ValueInfo, declared_values};
pub(crate) use graph_input::{GraphInput, InputRole, StaticShape};
pub(crate) use input_use::roles_by_use;
pub(crate) use model_sizes::ModelSizes;
pub use onnx_file::OnnxFile;
pub(crate) use onnx_model::OnnxModel;
pub(crate) use ops::one_hot::OneHot;
pub(crate) use ops::quant::DynamicQuantize;
pub(crate) use ops::static_quantize::StaticQuantize;
pub use reader::{MAX_KEPT_WEIGHT_BYTES, OnnxReader, external_files};
pub(crate) use skipped::SecondReading;
pub(crate) use translate::{Translated, translate};
pub(crate) use weight::{Weight, WeightPlaceholder, tensor_data};
pub(crate) use weight_buffer::{ArrivedWeight, Int8Rows, WeightBuffer};
