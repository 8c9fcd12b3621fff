//! Converts a BERT checkpoint from ModelScope or Hugging Face, or an ONNX export, to a model folder (feature
//! `convert`).
//!
//! [`convert`] reads the checkpoint through a [`FileSource`] and writes the folder through a [`FileSink`],
//! so the converter also runs where there is no file system. `corom convert` is this function over a disk.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use corom::convert::{ConvertOptions, Dtype, convert};
//!
//! // A folder in memory is a source and a sink.
//! let mut checkpoint = BTreeMap::new();
//! for path in ["config.json", "configuration.json", "vocab.txt", "pytorch_model.bin"] {
//!     let bytes = std::fs::read(format!("tests/fixtures/checkpoints/prefix-model/{path}"))?;
//!     checkpoint.insert(path.to_owned(), bytes);
//! }
//! let mut folder = BTreeMap::new();
//! let options = ConvertOptions { dtype: Dtype::Int8, ..ConvertOptions::default() };
//! let conversion = convert(&checkpoint, &options, &mut folder)?;
//!
//! assert_eq!(conversion.manifest.dtype, "int8");
//! let paths: Vec<&str> = folder.keys().map(String::as_str).collect();
//! assert_eq!(paths, ["config.json", "corom.json", "model.onnx", "model.onnx_data_000", "tokenizer.json"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A conversion has these steps:
//!
//! 1. `checkpoint_folder.rs` reads `config.json`, and `weight_file.rs` finds the weight file.
//! 2. `src/checkpoint_file/` lists the tensors of the weight file, `tensor_names.rs` finds the encoder among
//!    them, and `checkpoint.rs` checks their shapes.
//! 3. `settings.rs` decides pooling, the modules after it, normalization and maximum length.
//! 4. `tokenizer.rs` builds `tokenizer.json`, and `vocabulary.rs` finds the tokens to keep.
//! 5. `graph/` builds `model.onnx` and reads, quantizes and writes one weight at a time.
//! 6. `head.rs` writes the weights of the modules after the pooling.
//! 7. `lineage.rs` computes the id of the model, `distillation.rs` reads that of its teacher, and `convert` writes the manifest, `corom.json`, last.
//!
//! The manifest has no self-test yet. Running the model takes the encoder, which the steps above do not
//! need, so it is a step of its own, [`add_self_test`], which consists of [`self_test`] and [`measure_self_test`].

mod bert;
mod checkpoint;
mod checkpoint_folder;
mod conversion;
mod distillation;
mod export;
mod family;
mod files;
mod folder_files;
mod graph;
mod head;
mod inspect;
mod lineage;
mod load_folder;
mod options;
mod output;
mod quantize;
mod ranking;
mod report;
mod self_test;
mod settings;
mod shards;
#[cfg(feature = "train")]
mod starting_point;
mod tensor_names;
mod tokenizer;
mod vocabulary;
mod weight_file;

#[cfg(feature = "cli")]
pub use conversion::convert_with_tract_onnx;
pub use conversion::{Conversion, convert};
#[cfg(feature = "train")]
pub(crate) use distillation::{Distillation, FILE_NAME as DISTILLATION_FILE};
pub use files::{FileSink, FileSource};
pub use inspect::inspect;
pub use load_folder::{load_folder, load_reranker_folder};
pub use options::{ConvertOptions, Dtype, WeightSource};
pub use self_test::{add_self_test, measure_self_test, self_test, self_test_options};
#[cfg(feature = "train")]
pub use starting_point::{StartingPoint, encoder_shapes, starting_point};
