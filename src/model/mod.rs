//! The model folder: what files make a model, and whether they are what they should be.

mod external;
#[cfg(not(target_arch = "wasm32"))]
pub mod folder;
pub mod foreign;
mod incoming;
pub mod loader;
pub mod manifest;
mod options;
mod packed;
mod prepared;
pub mod side_files;
mod sink;
pub(crate) mod sniff;
mod wanted;

pub use loader::ModelLoader;
pub use manifest::Manifest;
pub use options::LoadOptions;
pub use packed::Packed;
pub use wanted::Wanted;
