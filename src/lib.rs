//! CoROM, Alibaba's Chinese e-commerce text embedding model, on the client.
//!
//! corom loads a BERT encoder from a model folder, embeds texts, and scores and ranks vectors. The same code
//! compiles to WebAssembly for the npm package `corom`. ARCHITECTURE.md follows a load and a call step by step.
//!
//! | to | use |
//! |---|---|
//! | load a folder from disk | [`model::folder::load`] |
//! | load without a file system, from bytes in chunks | [`model::ModelLoader`] |
//! | embed texts, all at once or step by step; natively on several threads | [`embedder::Embedder`] |
//! | score pairs of a query and a document with a cross-encoder | [`reranker::Reranker`] |
//! | score and rank vectors | [`similarity`], [`rank`] |
//! | get ModelScope's scores | [`pipeline`] |
//! | search a catalog of products | [`index::Catalog`] |
//! | look at tokens | [`tokenizer`] |
//! | handle errors by code | [`error::ErrorCode`] |
//! | convert a checkpoint to a model folder | `convert` (feature `convert`) |
//! | measure retrieval on a judged collection | `eval` (feature `eval`) |
//! | train a model, or distill a small query encoder | `train` (feature `train`) |
//!
//! # Example
//!
//! Embeds a query and three titles, and ranks the titles. The folder is a small fixture with random weights;
//! a real one comes from `corom convert`.
//!
//! ```
//! use std::path::Path;
//!
//! use corom::model::LoadOptions;
//! use corom::rank::rank;
//! use corom::similarity::{Metric, score};
//!
//! let folder = Path::new("tests/fixtures/bits/int8");
//! let mut embedder = corom::model::folder::load(folder, LoadOptions::default())?;
//!
//! let query = embedder.embed(&["阔腿裤女冬牛仔"])?; // [1, dimension]
//! let titles = ["阔腿牛仔裤女秋冬款", "阔腿裤男大码高腰宽松", "耳机"];
//! let vectors = embedder.embed(&titles)?; // [3, dimension], row-major
//! assert_eq!(vectors.len(), titles.len() * embedder.dimension());
//!
//! let scores = score(&query, &vectors, Metric::Dot)?;
//! for index in rank(&scores, Some(2), Metric::Dot) {
//!     println!("{:.3}  {}", scores[index], titles[index]);
//! }
//! # Ok::<(), corom::error::Error>(())
//! ```
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `embed` (default) | models: everything but search and measures |
//! | `unfused` (default) | graphs that are not recognized, run in tract |
//! | `convert` | the converter, `corom::convert`, over two I/O traits |
//! | `eval` | measures of retrieval over judged collections, `corom::eval` |
//! | `search` (default) | search over catalogs of products, [`index`] |
//! | `index` | the builder of these catalogs, `corom::index_build`; includes `search` |
//! | `cli` | the command `corom` (`convert`, `embed`, `eval`, `index`, `inspect`, `verify`); includes the others |
//! | `train` | training and distillation, `corom::train`; with `cli` the commands too |
//! | `relaxed-simd` | kernels that use WebAssembly's relaxed SIMD instructions |

#[cfg(feature = "embed")]
pub mod batch;
#[cfg(feature = "embed")]
mod checkpoint_file;
#[cfg(feature = "embed")]
pub mod config;
#[cfg(feature = "convert")]
pub mod convert;
#[cfg(feature = "embed")]
mod decision;
#[cfg(feature = "embed")]
mod embed_job;
#[cfg(feature = "embed")]
pub mod embedder;
#[cfg(feature = "embed")]
pub mod encoder;
pub mod error;
#[cfg(feature = "eval")]
pub mod eval;
#[cfg(feature = "embed")]
pub mod head;
#[cfg(feature = "search")]
#[cfg_attr(not(feature = "index"), allow(dead_code, reason = "only the builder writes sections"))]
pub mod index;
#[cfg(feature = "index")]
pub mod index_build;
#[cfg(feature = "embed")]
mod json;
mod l2;
#[cfg(feature = "embed")]
pub mod lineage;
#[cfg(feature = "embed")]
pub mod model;
#[cfg(feature = "embed")]
mod pair_score;
pub mod pipeline;
#[cfg(feature = "embed")]
pub mod pooling;
#[cfg(feature = "embed")]
pub mod prompts;
pub mod rank;
#[cfg(feature = "embed")]
mod recipe;
#[cfg(feature = "embed")]
mod relative_path;
#[cfg(feature = "embed")]
pub mod reranker;
#[cfg(feature = "embed")]
pub mod self_test;
pub mod similarity;
#[cfg(feature = "embed")]
mod sniff;
#[cfg(feature = "embed")]
pub mod tokenizer;
#[cfg(feature = "train")]
pub mod train;
#[cfg(target_arch = "wasm32")]
mod wasm;

#[cfg(feature = "embed")]
pub use decision::Decision;
#[cfg(feature = "embed")]
pub use recipe::VectorRecipe;
