//! CoROM, Alibaba's Chinese e-commerce text embedding model, on the client.
//!
//! The way through the house: text → [`tokenizer`] → [`batch`] → [`encoder`] →
//! [`pooling`] → vectors → [`similarity`], [`rank`] or [`pipeline`]; [`embedder`]
//! joins them and [`model`] loads them.

pub mod batch;
pub mod config;
#[cfg(feature = "convert")]
pub mod convert;
pub mod embedder;
pub mod encoder;
pub mod error;
mod l2;
pub mod model;
pub mod pipeline;
pub mod pooling;
pub mod rank;
mod relative_path;
pub mod self_test;
pub mod similarity;
pub mod tokenizer;
#[cfg(target_arch = "wasm32")]
mod wasm;
