//! The patterns, one a file: each says what a node's output is, given what its inputs are.

mod arithmetic;
mod attention;
mod embed;
mod gelu;
mod norm;
mod pooled;
mod product;
mod quantized;
