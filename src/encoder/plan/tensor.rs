//! The elements of a stored tensor, and a reference to one.

use std::fmt::Display;
use std::sync::Arc;

use crate::encoder::reserve::{try_append, try_copied, try_with_capacity};
use crate::error::{Result, fail};

/// The elements of a weight or of a constant, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TensorData {
    /// Floats. Half floats and 32-bit integers are converted to `f32`.
    F32(Vec<f32>),
    /// Signed bytes.
    I8(Vec<i8>),
    /// Unsigned bytes, or 4-bit elements in the packing of the file.
    U8(Vec<u8>),
}

impl TensorData {
    /// Returns the size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::F32(x) => size_of_val(&x[..]),
            Self::I8(x) => size_of_val(&x[..]),
            Self::U8(x) => size_of_val(&x[..]),
        }
    }

    /// Returns the number of elements, or of bytes that hold several of them.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::F32(x) => x.len(),
            Self::I8(x) => x.len(),
            Self::U8(x) => x.len(),
        }
    }

    /// Appends elements of the same type. `len` is the number of all that will be appended. `what` names the content for
    /// the error message.
    ///
    /// # Errors
    /// `INTERNAL` for elements of another type, `OUT_OF_MEMORY`.
    pub(super) fn try_append(&mut self, other: Self, len: usize, what: impl Display) -> Result<()> {
        match (self, other) {
            (Self::F32(to), Self::F32(from)) => try_append(to, &from, len, what),
            (Self::I8(to), Self::I8(from)) => try_append(to, &from, len, what),
            (Self::U8(to), Self::U8(from)) => try_append(to, &from, len, what),
            _ => fail!(Internal, "the parts of a weight have several types"),
        }
    }

    /// Returns whether bytes are signed, or `None` for floats.
    pub(crate) fn bytes_are_signed(&self) -> Option<bool> {
        match self {
            Self::F32(_) => None,
            Self::I8(_) => Some(true),
            Self::U8(_) => Some(false),
        }
    }

    /// Converts every element to `f32`. Floats are moved, not copied. `what` names the content for
    /// the error message.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    pub(crate) fn try_into_f32(self, what: impl Display) -> Result<Vec<f32>> {
        let mut floats =
            try_with_capacity(if matches!(self, Self::F32(_)) { 0 } else { self.bytes() }, what)?;
        match self {
            Self::F32(x) => return Ok(x),
            Self::I8(x) => floats.extend(x.into_iter().map(f32::from)),
            Self::U8(x) => floats.extend(x.into_iter().map(f32::from)),
        }
        Ok(floats)
    }

    /// Copies the elements.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    pub(super) fn try_clone(&self, what: impl Display) -> Result<Self> {
        Ok(match self {
            Self::F32(x) => Self::F32(try_copied(x, what)?),
            Self::I8(x) => Self::I8(try_copied(x, what)?),
            Self::U8(x) => Self::U8(try_copied(x, what)?),
        })
    }
}

/// The source of a tensor's elements.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TensorRef {
    /// A constant of the graph, which is small.
    Constant(Arc<TensorData>),
    /// A weight, by its index in the graph. Its elements arrive later.
    Weight(usize),
}
