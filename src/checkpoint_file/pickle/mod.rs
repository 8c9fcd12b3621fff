//! Reads a pickle as data. Nothing in the pickle is ever called.
//!
//! A pickle is a program for a stack machine that may call any Python function by name. This reader
//! supports the instructions that write plain data. It only records a call ([`PickleValue::Call`]), and
//! only of one of the few functions that PyTorch uses to write tensors and settings. It rejects any other
//! function by name.
//!
//! Values are in one arena and refer to each other by index. A pickle that refers to one value a million
//! times therefore costs a million indexes, not copies, and dropping a deeply nested value needs no stack.
//! Memory is proportional to the bytes read.

mod globals;
mod machine;
mod value;

use std::io::{BufRead, Read};

pub(super) use self::value::{PickleValue, ValueId};
use crate::error::{Result, fail};

/// The largest pickle that is read. The pickle of a state dict has some hundred bytes per tensor; in
/// memory it takes up to a hundred times its size.
const MAX_PICKLE_BYTES: u64 = 8 << 20;

/// A pickle that was read: an arena of values, one of which is the result.
#[derive(Debug)]
pub(crate) struct Pickle {
    values: Vec<PickleValue>,
    root: ValueId,
}

impl Pickle {
    /// Reads one pickle up to its stop instruction.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT` if the pickle is cut, corrupt, larger than 8 MiB, or names a Python object
    /// that no state dict needs.
    pub(crate) fn read(reader: &mut impl BufRead) -> Result<Self> {
        let mut limited = reader.by_ref().take(MAX_PICKLE_BYTES);
        match machine::run(&mut limited) {
            Ok((values, root)) => Ok(Self { values, root }),
            Err(_) if limited.limit() == 0 => {
                fail!(
                    InvalidCheckpoint,
                    "the pickle has more than {MAX_PICKLE_BYTES} bytes; it is no state dict of a BERT"
                )
            }
            Err(e) => Err(e),
        }
    }

    /// Returns the result of the pickle.
    pub(crate) fn root(&self) -> ValueId {
        self.root
    }

    /// Returns every value of the arena, in the order of the pickle.
    pub(crate) fn values(&self) -> impl Iterator<Item = &PickleValue> {
        self.values.iter()
    }

    /// Returns a value of the arena.
    pub(crate) fn get(&self, id: ValueId) -> &PickleValue {
        self.values.get(id).unwrap_or(&PickleValue::None)
    }

    /// Returns a value that is a text.
    pub(crate) fn text(&self, id: ValueId) -> Option<&str> {
        match self.get(id) {
            PickleValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a value that is a non-negative integer.
    pub(crate) fn unsigned(&self, id: ValueId) -> Option<u64> {
        match self.get(id) {
            PickleValue::Int(n) => u64::try_from(*n).ok(),
            _ => None,
        }
    }

    /// Returns the items of a tuple or list.
    pub(crate) fn items(&self, id: ValueId) -> Option<&[ValueId]> {
        match self.get(id) {
            PickleValue::Tuple(items) | PickleValue::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the name of a class or function.
    pub(crate) fn global(&self, id: ValueId) -> Option<&str> {
        match self.get(id) {
            PickleValue::Global(name) => Some(name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
