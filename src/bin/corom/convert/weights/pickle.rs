//! Reads a pickle as data. Nothing in it is ever called.
//!
//! A pickle is a program for a stack machine that may call any Python function
//! by name. This reader knows the instructions that write plain data; a call is
//! only noted down ([`Value::Call`]), and only if its function is one of the few
//! that PyTorch uses to write tensors and settings. Any other is refused by name.
//!
//! Values live in one arena and name each other by number, so a pickle that
//! refers to one value a million times costs a million numbers, not copies, and
//! dropping a deeply nested one needs no stack. Memory stays proportional to
//! the bytes read.

use std::io::{BufRead, Read};

use corom::error::Result;

use super::pickle_machine;
use crate::fail;

/// A state dict's pickle has some hundred bytes a tensor, and takes up to a hundred times that in memory.
const MAX_BYTES: u64 = 8 << 20;

/// A value in the arena of a [`Pickle`].
pub(crate) type Id = usize;

/// What a pickle can hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits, little-endian two's complement.
    Long(Vec<u8>),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    /// Pairs in the order they were set.
    Dict(Vec<(Id, Id)>),
    /// A class or function, by its name `module.name`.
    Global(String),
    /// A call that a Python unpickler would make, and we do not.
    Call {
        function: Id,
        arguments: Id,
    },
    /// Something that lies outside the pickle: a tensor's storage.
    Persistent(Id),
}

/// A pickle that was read: an arena of values and the one that it stands for.
#[derive(Debug)]
pub(crate) struct Pickle {
    values: Vec<Value>,
    root: Id,
}

impl Pickle {
    /// Reads one pickle, up to its stop instruction.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT`.
    pub(crate) fn read(reader: &mut impl BufRead) -> Result<Self> {
        let mut limited = reader.by_ref().take(MAX_BYTES);
        match pickle_machine::run(&mut limited) {
            Ok((values, root)) => Ok(Self { values, root }),
            Err(_) if limited.limit() == 0 => {
                fail!(InvalidCheckpoint, "its pickle has more than {MAX_BYTES} bytes: it is no state dict")
            }
            Err(e) => Err(e),
        }
    }

    /// The value that the pickle stands for.
    pub(crate) fn root(&self) -> Id {
        self.root
    }

    /// Every value of the arena, in the order they were read.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }

    /// A value of the arena.
    pub(crate) fn get(&self, id: Id) -> &Value {
        self.values.get(id).unwrap_or(&Value::None)
    }

    /// The text of a value, if it is one.
    pub(crate) fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A value as a non-negative integer, if it is one.
    pub(crate) fn unsigned(&self, id: Id) -> Option<u64> {
        match self.get(id) {
            Value::Int(n) => u64::try_from(*n).ok(),
            _ => None,
        }
    }

    /// The members of a tuple or list.
    pub(crate) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) | Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The name of a class or function.
    pub(crate) fn global(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Global(name) => Some(name),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "pickle_tests.rs"]
mod tests;
