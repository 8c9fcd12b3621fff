//! The values that a pickle can have.

/// The index of a value in the arena of a pickle.
pub(crate) type ValueId = usize;

/// A value of a pickle.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PickleValue {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits, little-endian two's complement.
    Long(Vec<u8>),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Tuple(Vec<ValueId>),
    List(Vec<ValueId>),
    /// Pairs of a key and a value, in the order in which they were set.
    Dict(Vec<(ValueId, ValueId)>),
    /// A class or function by its name, `module.name`.
    Global(String),
    /// A call that a Python unpickler would make. It is recorded and never made.
    Call {
        function: ValueId,
        arguments: ValueId,
    },
    /// An object outside of the pickle: the storage of a tensor.
    Persistent(ValueId),
}
