//! CoROM, Alibaba's Chinese e-commerce text embedding model, on the client.

pub mod batch;
pub mod config;
pub mod encoder;
pub mod error;
pub mod model;
