//! The model folder: what files make a model, and whether they are what they should be.

mod build;
#[cfg(not(target_arch = "wasm32"))]
pub mod folder;
pub mod foreign;
mod incoming;
pub mod loader;
pub mod manifest;
mod packed;
pub mod side_files;
mod sink;
mod sniff;

pub use loader::{LoadOptions, ModelLoader, Wanted};
pub use manifest::Manifest;
pub use packed::Packed;
