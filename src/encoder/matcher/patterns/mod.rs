//! The patterns, one per file. Each derives what a node's output is from what its inputs are.

mod arithmetic;
mod attention;
mod embed;
mod folded_norm;
mod gelu;
mod norm;
mod pooled;
mod product;
mod quantized;
