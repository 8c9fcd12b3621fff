//! A tensor as a strided view of raw numbers at some place in a file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use corom::error::{Error, ErrorCode, Result};
use half::{bf16, f16};

use super::unreadable;
use crate::fail;

/// The number type of a tensor in a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dtype {
    F64,
    F32,
    F16,
    BF16,
    /// Integers, booleans and the like, of so many bytes: buffers, never weights.
    Other(u8),
}

impl Dtype {
    /// Bytes a number.
    pub(crate) fn size(self) -> u64 {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Other(size) => u64::from(size),
        }
    }

    /// Reads one number of this type.
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

/// A tensor: a strided view of a storage, which several tensors may share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TensorView {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<u64>,
    /// Elements from one index to the next, for each axis.
    pub(crate) strides: Vec<u64>,
    /// The first element, counted in elements from the start of the storage.
    pub(crate) offset: u64,
    /// Where the storage starts in the file, bytes.
    pub(crate) storage_start: u64,
    /// Elements of the storage.
    pub(crate) storage_elements: u64,
}

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

impl TensorView {
    /// A tensor whose rows lie one after the other and that has its bytes for itself.
    pub(crate) fn contiguous(dtype: Dtype, shape: Vec<u64>, start: u64) -> Option<Self> {
        let storage_elements = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d))?;
        let strides = row_major(&shape)?;
        Some(Self { dtype, shape, strides, offset: 0, storage_start: start, storage_elements })
    }

    /// Elements of the tensor; `None` when no machine can count them.
    pub(crate) fn elements(&self) -> Option<u64> {
        self.shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d))
    }

    /// The elements of the storage that the view spans, `first..end`.
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
    /// `INVALID_CHECKPOINT`.
    pub(crate) fn check(&self, file_length: u64) -> Result<()> {
        let storage_end = self
            .storage_elements
            .checked_mul(self.dtype.size())
            .and_then(|bytes| bytes.checked_add(self.storage_start));
        if self.shape.len() != self.strides.len() {
            fail!(InvalidCheckpoint, "it has {} axes and {} strides", self.shape.len(), self.strides.len());
        }
        match (self.span(), storage_end) {
            (Some((_, end)), Some(_)) if end > self.storage_elements => {
                fail!(InvalidCheckpoint, "it reaches past the end of its storage")
            }
            (Some(_), Some(end)) if end > file_length => {
                fail!(
                    InvalidCheckpoint,
                    "its numbers end at byte {end}, and the file has {file_length}: it was cut"
                )
            }
            (Some(_), Some(_)) => Ok(()),
            _ => fail!(InvalidCheckpoint, "its shape is too large for any machine"),
        }
    }

    /// Reads the numbers, row-major, as f32.
    ///
    /// # Errors
    /// `INVALID_CHECKPOINT` when they are no floating-point numbers or cut,
    /// `OUT_OF_MEMORY` when there are too many.
    pub(crate) fn read(&self, file: &File) -> Result<Vec<f32>> {
        if let Dtype::Other(size) = self.dtype {
            fail!(
                InvalidCheckpoint,
                "it holds {size}-byte integers where weights are floating-point numbers"
            );
        }
        let too_large = || Error::new(ErrorCode::InvalidCheckpoint, "its shape is too large for any machine");
        let elements = self.elements().ok_or_else(too_large)?;
        let (first, end) = self.span().ok_or_else(too_large)?;
        let spanned = self.read_range(file, first, end)?;
        if row_major(&self.shape).as_deref() == Some(self.strides.as_slice()) || elements <= 1 {
            return Ok(spanned);
        }
        let mut numbers = reserve(elements)?;
        let mut index = vec![0u64; self.shape.len()];
        for _ in 0..elements {
            let at: u64 = index.iter().zip(&self.strides).map(|(&i, &stride)| i * stride).sum();
            numbers.extend(spanned.get(at as usize));
            for (i, &size) in index.iter_mut().zip(&self.shape).rev() {
                *i += 1;
                if *i < size {
                    break;
                }
                *i = 0;
            }
        }
        Ok(numbers)
    }

    /// Reads the storage's elements `first..end`.
    fn read_range(&self, mut file: &File, first: u64, end: u64) -> Result<Vec<f32>> {
        let size = self.dtype.size();
        let mut numbers = reserve(end - first)?;
        file.seek(SeekFrom::Start(self.storage_start + first * size)).map_err(unreadable)?;
        let mut left = (end - first) * size;
        let mut chunk = vec![0u8; CHUNK.min(left as usize)];
        while left > 0 {
            let part = &mut chunk[..CHUNK.min(left as usize)];
            file.read_exact(part).map_err(unreadable)?;
            numbers.extend(part.chunks_exact(size as usize).filter_map(|b| self.dtype.decode(b)));
            left -= part.len() as u64;
        }
        Ok(numbers)
    }
}

/// An empty vector with room for so many numbers.
fn reserve(elements: u64) -> Result<Vec<f32>> {
    let mut numbers = Vec::new();
    usize::try_from(elements)
        .ok()
        .and_then(|n| numbers.try_reserve_exact(n).ok())
        .ok_or_else(|| Error::new(ErrorCode::OutOfMemory, format!("no memory for {elements} numbers")))?;
    Ok(numbers)
}

/// The strides of a row-major tensor of this shape.
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

    fn view(shape: &[u64], strides: &[u64], offset: u64, storage_elements: u64) -> TensorView {
        TensorView {
            dtype: Dtype::F32,
            shape: shape.into(),
            strides: strides.into(),
            offset,
            storage_start: 0,
            storage_elements,
        }
    }

    #[test]
    fn a_view_past_its_storage_or_file_is_refused() {
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
    fn views_of_one_storage_are_read_in_their_own_order() {
        let path = std::env::temp_dir().join(format!("corom-view-{}", std::process::id()));
        let bytes: Vec<u8> = (0..12).flat_map(|i| f16::from_f32(i as f32).to_le_bytes()).collect();
        std::fs::write(&path, [&[0xff; 6][..], &bytes].concat()).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let read = |shape: &[u64], strides: &[u64], offset| {
            let view = TensorView { dtype: Dtype::F16, storage_start: 6, ..view(shape, strides, offset, 12) };
            view.check(30).unwrap();
            view.read(&file).unwrap()
        };
        assert_eq!(read(&[2, 3], &[3, 1], 0), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(read(&[2, 3], &[3, 1], 6), [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
        // A transposed one, a column, a slice of columns, one number repeated, and nothing.
        assert_eq!(read(&[3, 2], &[1, 3], 0), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(read(&[4], &[3], 2), [2.0, 5.0, 8.0, 11.0]);
        assert_eq!(read(&[2, 2], &[6, 1], 1), [1.0, 2.0, 7.0, 8.0]);
        assert_eq!(read(&[3], &[0], 7), [7.0, 7.0, 7.0]);
        assert_eq!(read(&[], &[], 7), [7.0]);
        assert_eq!(read(&[0, 3], &[3, 1], 0), [0.0; 0]);
    }

    #[test]
    fn every_float_type_becomes_f32() {
        let x = -0.15625f32;
        assert_eq!(Dtype::F64.decode(&f64::from(x).to_le_bytes()), Some(x));
        assert_eq!(Dtype::F32.decode(&x.to_le_bytes()), Some(x));
        assert_eq!(Dtype::F16.decode(&f16::from_f32(x).to_le_bytes()), Some(x));
        assert_eq!(Dtype::BF16.decode(&bf16::from_f32(x).to_le_bytes()), Some(x));
        assert_eq!(Dtype::Other(4).decode(&[0; 4]), None);
    }
}
