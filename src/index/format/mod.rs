//! The catalog file: see docs/catalog-format.md.

pub(crate) mod bytes;
pub(crate) mod container;
#[cfg(any(feature = "index", test))]
pub(crate) mod file_writer;
pub(crate) mod receiver;
pub(crate) mod small_delta;
