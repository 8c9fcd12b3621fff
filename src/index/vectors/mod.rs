//! Vectors: centered, quantized, scanned.
//!
//! | symbol | |
//! |---|---|
//! | `q`, `d` | the vectors of the query and of an item, `[dimension]`; normalized if the metric is the cosine |
//! | `c` | the mean of the vectors that the catalog was built from |
//! | `r = d − c` | what is stored of an item |
//!
//! `⟨q, d⟩ = ⟨q, c⟩ + ⟨q, r⟩`: subtracting the mean changes no order. The mean is most of a vector's length, so `r` is
//! quantized more finely than `d`.

pub(crate) mod codes;
pub(crate) mod dot;
pub(crate) mod query;
pub(crate) mod rotation;
pub(crate) mod rows;
