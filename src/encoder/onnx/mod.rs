//! The ONNX file: parsing, checks, external data, and its translation to a
//! tract graph.
//!
//! The file is translated operator by operator straight to tract's typed graph,
//! not through tract's own ONNX front end. That costs one small function an
//! operator and gives three things that matter in a browser: nothing in a
//! corrupt file reaches tract unchecked (a panic there would end the wasm
//! instance), only the operators of BERT exports are compiled in, and weights
//! are taken over one by one instead of being held twice.
//!
//! ```text
//! bytes ──proto──▶ ModelProto ──external──▶ bytes of each tensor ──graph──▶ OnnxGraph
//!                                            (checked, pruned, f16 → f32)     │ translate
//!                                                     registry: (domain, op) ─┤
//!                                                                             ▼ TypedModel
//! ```

mod contrib;
mod external;
mod graph;
mod graph_input;
mod layers;
mod model_sizes;
mod node;
mod node_context;
mod onnx_model;
mod ops;
pub mod pb;
mod registry;
mod tensor;
mod tensor_info;
mod translate;
mod typed_graph_builder;
mod value;
mod weight;

pub(crate) use contrib::blockwise::BlockwiseMatrix;
pub use external::{ExternalFile, external_files};
pub(crate) use external::{check_byte_reuse, tensor_bytes};
pub(crate) use graph::{OnnxGraph, ValueInfo, declared_values};
pub(crate) use graph_input::{GraphInput, InputRole, StaticShape};
pub(crate) use model_sizes::ModelSizes;
pub(crate) use onnx_model::OnnxModel;
pub(crate) use ops::gather::CheckedGather;
pub(crate) use ops::quant::DynamicQuantize;
pub(crate) use translate::{Translated, translate};
pub(crate) use weight::{Weight, WeightPlaceholder, tensor_data};
