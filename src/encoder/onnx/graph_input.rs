//! The inputs of a graph, by what a run feeds to them.

/// An input that a run inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputRole {
    TokenIds,
    Mask,
    TokenTypes,
}

/// What a graph input is given.
#[derive(Debug, Clone)]
pub(crate) struct GraphInput {
    /// The input's name.
    pub(crate) name: String,
    /// `None` for the positions `0, 1, 2 …` of each text, which need no feeding.
    pub(crate) role: Option<InputRole>,
    /// The ONNX type that the graph reads it as.
    pub(crate) data_type: i32,
}

/// The batch and the sequence of the tract graph; `None` for one that a run decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StaticShape {
    pub(crate) batch: Option<usize>,
    pub(crate) sequence: Option<usize>,
}
