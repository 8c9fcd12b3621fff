//! CoROM, Alibaba's Chinese e-commerce text embedding model, on the client.
//!
//! The way through the house: text → [`tokenizer`] → [`batch`] → [`encoder`] →
//! [`pooling`] → vectors → [`similarity`], [`rank`] or [`pipeline`].

pub mod batch;
pub mod config;
pub mod encoder;
pub mod error;
pub mod model;
pub mod pipeline;
pub mod pooling;
pub mod rank;
pub mod similarity;
pub mod tokenizer;
