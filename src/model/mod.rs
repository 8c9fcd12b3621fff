//! The model folder: what files make a model, and whether they are what they should be.

pub mod manifest;

pub use manifest::Manifest;
