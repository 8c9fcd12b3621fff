//! CoROM, Alibaba's Chinese e-commerce text embedding model, on the client.
//!
//! corom loads a BERT encoder from a model folder, embeds texts, and scores and ranks vectors. The same code
//! compiles to WebAssembly for the npm package `corom`. ARCHITECTURE.md follows a load and a call step by step.
//!
//! | to | use |
//! |---|---|
//! | load a folder from disk | [`model::folder::load`] |
//! | load without a file system, from bytes in chunks | [`model::ModelLoader`] |
//! | embed texts, all at once or step by step | [`embedder::Embedder`] |
//! | score and rank vectors | [`similarity`], [`rank`] |
//! | get ModelScope's scores | [`pipeline`] |
//! | look at tokens | [`tokenizer`] |
//! | handle errors by code | [`error::ErrorCode`] |
//! | convert a checkpoint to a model folder | `convert` (feature `convert`) |
//! | measure retrieval on a judged collection | `eval` (feature `eval`) |
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
//! | `convert` | the converter, `corom::convert`, over two I/O traits |
//! | `eval` | measures of retrieval over judged collections, `corom::eval` |
//! | `cli` | the command `corom` (`convert`, `embed`, `eval`, `inspect`); includes `convert` and `eval` |
//! | `relaxed-simd` | kernels that use WebAssembly's relaxed SIMD instructions |

pub mod batch;
mod checkpoint_file;
pub mod config;
#[cfg(feature = "convert")]
pub mod convert;
mod decision;
mod embed_job;
pub mod embedder;
pub mod encoder;
pub mod error;
#[cfg(feature = "eval")]
pub mod eval;
pub mod head;
mod json;
mod l2;
pub mod model;
pub mod pipeline;
pub mod pooling;
pub mod prompts;
pub mod rank;
mod recipe;
mod relative_path;
pub mod self_test;
pub mod similarity;
mod sniff;
pub mod tokenizer;
#[cfg(target_arch = "wasm32")]
mod wasm;

pub use decision::Decision;
pub use recipe::VectorRecipe;
