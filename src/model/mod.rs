//! The model folder: which files make a model, how they are verified, and how they become an
//! [`Embedder`](crate::embedder::Embedder).

mod backend_choice;
mod dtype;
mod early_check;
pub(crate) mod export_folder;
mod export_requests;
mod file_buffer;
mod file_errors;
mod file_receiver;
mod file_request;
#[cfg(not(target_arch = "wasm32"))]
pub mod folder;
#[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
mod gpu_folder;
mod loader;
pub mod manifest;
mod model_builder;
mod options;
pub(crate) mod settings;
mod task;
mod tokenizer_settings;
mod unverified_model;
mod weight_files;

pub use dtype::Dtype;
pub use file_request::FileRequest;
pub use loader::ModelLoader;
pub use manifest::Manifest;
pub use options::LoadOptions;
pub use settings::HeadModule;
pub use task::Task;
pub use unverified_model::UnverifiedModel;
