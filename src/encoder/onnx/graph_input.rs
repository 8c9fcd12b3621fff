//! The inputs of a graph, by what a run passes to them.

/// The values that a run passes to an input, `[batch, sequence]` integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputRole {
    TokenIds,
    /// The attention mask: 1 for a token, 0 for padding.
    Mask,
    TokenTypes,
}

/// An input of the graph.
#[derive(Debug, Clone)]
pub(crate) struct GraphInput {
    /// The name of the input.
    pub(crate) name: String,
    /// `None` for the positions `0, 1, 2 …` of each text, which the graph computes itself.
    pub(crate) role: Option<InputRole>,
    /// The ONNX element type of the input.
    pub(crate) data_type: i32,
}

/// The batch size and the sequence length of a graph. `None` means that each run chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StaticShape {
    pub(crate) batch: Option<usize>,
    pub(crate) sequence: Option<usize>,
}
