//! A tensor as a strided view of raw little-endian values in a file.

use half::{bf16, f16};

use crate::checkpoint_file::file_reader::read_error;
use crate::checkpoint_file::file_source::FileSource;
use crate::error::{Error, ErrorCode, Result, fail};

/// The type of the elements of a tensor in a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ElementType {
    F64,
    F32,
    F16,
    BF16,
    /// Integers or booleans of this many bytes. They are buffers, never weights.
    Other(u8),
}

impl ElementType {
    /// Returns the number of bytes per element.
    pub(crate) fn size(self) -> u64 {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Other(size) => u64::from(size),
        }
    }

    /// Returns true for floating-point numbers.
    #[cfg_attr(not(feature = "convert"), allow(dead_code, reason = "only the converter uses it"))]
    pub(crate) fn is_float(self) -> bool {
        !matches!(self, Self::Other(_))
    }

    /// Converts one element to f32. Returns `None` for elements that are no floating-point numbers.
    fn decode(self, bytes: &[u8]) -> Option<f32> {
        Some(match self {
            Self::F64 => f64::from_le_bytes(bytes.try_into().ok()?) as f32,
            Self::F32 => f32::from_le_bytes(bytes.try_into().ok()?),
            Self::F16 => f16::from_le_bytes(bytes.try_into().ok()?).to_f32(),
            Self::BF16 => bf16::from_le_bytes(bytes.try_into().ok()?).to_f32(),
            Self::Other(_) => return None,
        })
    }
}

/// A strided view of a storage. Several tensors may share one storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TensorView {
    pub(crate) element_type: ElementType,
    pub(crate) shape: Vec<u64>,
    /// The distance between neighbors along each axis, in elements.
    pub(crate) strides: Vec<u64>,
    /// The first element, in elements from the start of the storage.
    pub(crate) offset: u64,
    /// The start of the storage in the file, in bytes.
    pub(crate) storage_start: u64,
    /// The number of elements in the storage.
    pub(crate) storage_elements: u64,
}

/// Bytes per read.
const CHUNK_BYTES: usize = 1 << 20;

impl TensorView {
    /// Returns the view of a row-major tensor with a storage of its own that starts at byte `start`, or
    /// `None` if its shape overflows.
    pub(crate) fn contiguous(element_type: ElementType, shape: Vec<u64>, start: u64) -> Option<Self> {
        let storage_elements = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d))?;
        let strides = row_major(&shape)?;
        Some(Self { element_type, shape, strides, offset: 0, storage_start: start, storage_elements })
    }

    /// Returns the number of elements of the tensor, or `None` if it overflows.
    pub(crate) fn elements(&self) -> Option<u64> {
        self.shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d))
    }

    /// Returns the range of storage elements that the view spans, `first..end`, or `None` if it overflows.
    fn span(&self) -> Option<(u64, u64)> {
        if self.elements()? == 0 {
            return Some((self.offset, self.offset));
        }
        let mut last = self.offset;
        for (&size, &stride) in self.shape.iter().zip(&self.strides) {
            last = last.checked_add((size - 1).checked_mul(stride)?)?;
        }
        Some((self.offset, last.checked_add(1)?))
    }

    /// Checks that the view lies within its storage and the storage within the file.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT` if it does not.
    pub(crate) fn check(&self, file_length: u64) -> Result<()> {
        let storage_end = self
            .storage_elements
            .checked_mul(self.element_type.size())
            .and_then(|bytes| bytes.checked_add(self.storage_start));
        if self.shape.len() != self.strides.len() {
            fail!(
                InvalidCheckpoint,
                "the tensor has {} axes and {} strides; the numbers must be equal",
                self.shape.len(),
                self.strides.len()
            );
        }
        match (self.span(), storage_end) {
            (Some((_, end)), Some(_)) if end > self.storage_elements => {
                fail!(InvalidCheckpoint, "the tensor reaches beyond the end of its storage")
            }
            (Some(_), Some(end)) if end > file_length => {
                fail!(
                    InvalidCheckpoint,
                    "the tensor ends at byte {end}, but the file has only {file_length} bytes; it was cut"
                )
            }
            (Some(_), Some(_)) => Ok(()),
            _ => Err(shape_overflow()),
        }
    }

    /// Reads the tensor as f32, row-major.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT` if the elements are no floating-point numbers or the file ends early,
    /// `OUT_OF_MEMORY` if there are too many elements.
    pub(crate) fn read(&self, source: &dyn FileSource, path: &str) -> Result<Vec<f32>> {
        if let ElementType::Other(size) = self.element_type {
            fail!(
                InvalidCheckpoint,
                "the tensor has {size}-byte integers; weights must be floating-point numbers"
            );
        }
        let elements = self.elements().ok_or_else(shape_overflow)?;
        let (first, end) = self.span().ok_or_else(shape_overflow)?;
        let spanned = self.read_range(source, path, first, end)?;
        if row_major(&self.shape).as_deref() == Some(self.strides.as_slice()) || elements <= 1 {
            return Ok(spanned);
        }
        let mut values = try_with_capacity(elements)?;
        let mut index = vec![0u64; self.shape.len()];
        for _ in 0..elements {
            let at: u64 = index.iter().zip(&self.strides).map(|(&i, &stride)| i * stride).sum();
            values.extend(spanned.get(at as usize));
            for (i, &size) in index.iter_mut().zip(&self.shape).rev() {
                *i += 1;
                if *i < size {
                    break;
                }
                *i = 0;
            }
        }
        Ok(values)
    }

    /// Reads the storage elements `first..end`.
    fn read_range(&self, source: &dyn FileSource, path: &str, first: u64, end: u64) -> Result<Vec<f32>> {
        let size = self.element_type.size();
        let mut values = try_with_capacity(end - first)?;
        let mut offset = self.storage_start + first * size;
        let end = self.storage_start + end * size;
        let mut chunk = vec![0u8; CHUNK_BYTES.min((end - offset) as usize)];
        while offset < end {
            let part = &mut chunk[..CHUNK_BYTES.min((end - offset) as usize)];
            source.read_at(path, offset, part).map_err(read_error)?;
            values.extend(part.chunks_exact(size as usize).filter_map(|b| self.element_type.decode(b)));
            offset += part.len() as u64;
        }
        Ok(values)
    }
}

fn shape_overflow() -> Error {
    Error::new(ErrorCode::InvalidCheckpoint, "the tensor's shape has more elements than any machine can hold")
}

/// Allocates an empty vector with capacity for `elements` values.
fn try_with_capacity(elements: u64) -> Result<Vec<f32>> {
    let mut values = Vec::new();
    let reserved = usize::try_from(elements).is_ok_and(|n| values.try_reserve_exact(n).is_ok());
    if !reserved {
        fail!(OutOfMemory, "there is no memory for a tensor of {elements} elements");
    }
    Ok(values)
}

/// Returns the strides of a row-major tensor of this shape, or `None` if they overflow.
fn row_major(shape: &[u64]) -> Option<Vec<u64>> {
    let mut strides = vec![1u64; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].checked_mul(shape[axis])?;
    }
    Some(strides)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn view(shape: &[u64], strides: &[u64], offset: u64, storage_elements: u64) -> TensorView {
        TensorView {
            element_type: ElementType::F32,
            shape: shape.into(),
            strides: strides.into(),
            offset,
            storage_start: 0,
            storage_elements,
        }
    }

    #[test]
    fn tensor_view_outside_its_storage_or_file_is_rejected() {
        assert!(view(&[2, 3], &[3, 1], 0, 6).check(24).is_ok());
        assert!(view(&[2, 3], &[1, 2], 0, 6).check(24).is_ok());
        assert!(view(&[2, 3], &[3, 1], 1, 6).check(24).is_err());
        assert!(view(&[2, 3], &[3, 1], 0, 6).check(23).is_err());
        assert!(view(&[2, 3], &[3], 0, 6).check(24).is_err());
        assert!(view(&[u64::MAX, 3], &[3, 1], 0, 6).check(24).is_err());
        assert!(view(&[3], &[u64::MAX], 0, 6).check(24).is_err());
        assert!(view(&[0, 3], &[3, 1], 0, 0).check(0).is_ok());
    }

    #[test]
    fn tensor_view_reads_in_the_order_of_its_strides() {
        let bytes: Vec<u8> = (0..12).flat_map(|i| f16::from_f32(i as f32).to_le_bytes()).collect();
        let source = BTreeMap::from([("file".to_owned(), [&[0xff; 6][..], &bytes].concat())]);
        let read = |shape: &[u64], strides: &[u64], offset| {
            let view = TensorView {
                element_type: ElementType::F16,
                storage_start: 6,
                ..view(shape, strides, offset, 12)
            };
            view.check(30).unwrap();
            view.read(&source, "file").unwrap()
        };
        assert_eq!(read(&[2, 3], &[3, 1], 0), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(read(&[2, 3], &[3, 1], 6), [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
        // A transposed view, a column, a slice of columns, one repeated value, a scalar, and no element.
        assert_eq!(read(&[3, 2], &[1, 3], 0), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(read(&[4], &[3], 2), [2.0, 5.0, 8.0, 11.0]);
        assert_eq!(read(&[2, 2], &[6, 1], 1), [1.0, 2.0, 7.0, 8.0]);
        assert_eq!(read(&[3], &[0], 7), [7.0, 7.0, 7.0]);
        assert_eq!(read(&[], &[], 7), [7.0]);
        assert_eq!(read(&[0, 3], &[3, 1], 0), [0.0; 0]);
    }

    #[test]
    fn element_type_decodes_every_float_type() {
        let x = -0.15625f32;
        assert_eq!(ElementType::F64.decode(&f64::from(x).to_le_bytes()), Some(x));
        assert_eq!(ElementType::F32.decode(&x.to_le_bytes()), Some(x));
        assert_eq!(ElementType::F16.decode(&f16::from_f32(x).to_le_bytes()), Some(x));
        assert_eq!(ElementType::BF16.decode(&bf16::from_f32(x).to_le_bytes()), Some(x));
        assert_eq!(ElementType::Other(4).decode(&[0; 4]), None);
    }
}
