//! Weights of a plan: stored tensors, and how their elements become the numbers that an op uses.

use std::ops::Range;

use super::tensor::TensorRef;

/// A scalar, or a list of numbers along one axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Vector {
    /// One number for all elements.
    Uniform(f32),
    /// The elements of a stored tensor, or the range `part` of them. `len` is the resulting length.
    Stored { tensor: TensorRef, part: Option<Range<usize>>, len: usize },
}

impl Vector {
    /// Returns the number of elements, 1 for a uniform vector.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Uniform(_) => 1,
            Self::Stored { len, .. } => *len,
        }
    }

    /// Returns the elements of `range`.
    pub(crate) fn part(&self, range: &Range<usize>) -> Self {
        match self {
            Self::Uniform(x) => Self::Uniform(*x),
            Self::Stored { tensor, part, .. } => {
                let start = part.as_ref().map_or(0, |p| p.start);
                let part = Some(start + range.start..start + range.end);
                Self::Stored { tensor: tensor.clone(), part, len: range.len() }
            }
        }
    }

    /// Appends the stored tensor of this vector to `tensors`, if it has one.
    pub(super) fn tensors<'a>(&'a self, tensors: &mut Vec<&'a TensorRef>) {
        if let Self::Stored { tensor, .. } = self {
            tensors.push(tensor);
        }
    }
}

/// A matrix of weights, `[rows, columns]` in the orientation of its use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    /// Stored tensors of two axes, stacked along the first one.
    pub(crate) parts: Vec<TensorRef>,
    /// Rows and columns of the stored matrix, all parts together.
    pub(crate) shape: [usize; 2],
    /// True if the op uses the transpose of the stored matrix.
    pub(crate) transposed: bool,
    /// True if the stored elements are floats. Otherwise they are integers.
    pub(crate) float: bool,
    /// The step to which stored floats are rounded first. The elements are then these integers.
    pub(crate) rounding: Option<Rounding>,
    /// The conversion of stored elements to weights.
    pub(crate) quantization: Quantization,
    /// The columns (in the orientation of the use) that the op takes. `None`: all of them.
    pub(crate) columns: Option<Range<usize>>,
}

/// The conversion of stored elements `q` to weights.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Quantization {
    /// `scale · (q − zero)`. The scale is the product of all vectors in `scale`, 1 if there is none.
    ///
    /// `axis` is the axis of the stored matrix that scales and zero points belong to: one value per
    /// row (0) or per column (1). `None`: all of them are scalars.
    Affine { axis: Option<usize>, scale: Vec<Vector>, zero: Option<Vector> },
    /// One scale and one zero point per block.
    Blockwise { format: BlockFormat, scale: Box<Vector>, zero: Option<Box<Vector>> },
}

/// The conversion of stored floats `x` to integers of 4, 8 or 16 bits: `clamp(round(x / scale) + zero, min, max)`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rounding {
    /// The axis of the stored matrix that scale and zero point belong to. `None`: both are scalars.
    pub(crate) axis: Option<usize>,
    pub(crate) scale: Vector,
    pub(crate) zero: Vector,
    pub(crate) min: i32,
    pub(crate) max: i32,
}

/// The layout of a matrix that is quantized in blocks, as ONNX Runtime's MatMulNBits or the
/// DequantizeLinear of ONNX stores it. Elements are row-major, and so are scales and zero points.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub(crate) struct BlockFormat {
    /// Rows of the matrix.
    pub(crate) rows: usize,
    /// Columns of the matrix.
    pub(crate) columns: usize,
    /// The axis that a block lies along: consecutive rows of a column (0), or consecutive columns of a
    /// row (1).
    pub(crate) axis: usize,
    /// Bits of an element: 2, 4 or 8.
    pub(crate) bits: usize,
    /// Elements per block.
    pub(crate) block_size: usize,
    /// True if elements of fewer than 8 bits share a byte, the first one in its lowest bits. The zero
    /// points of a row are then packed too and padded to whole bytes; without zero points each is half
    /// of the range. Otherwise every element and every zero point has a byte of its own.
    pub(crate) packed: bool,
    /// True if zero points are floats, one per scale, whatever `packed` says.
    pub(crate) float_zeros: bool,
}

impl Rounding {
    /// Returns true if the integers all fit int8 or all fit uint8.
    pub(super) fn fits_byte(&self) -> bool {
        self.min >= -128 && self.max <= 127 || self.min >= 0 && self.max <= 255
    }
}

impl BlockFormat {
    /// Returns the shape of scales and zero points.
    pub(crate) fn blocks(&self) -> [usize; 2] {
        let blocks = |length: usize, axis: usize| {
            if self.axis == axis { length.div_ceil(self.block_size) } else { length }
        };
        [blocks(self.rows, 0), blocks(self.columns, 1)]
    }
}

impl Matrix {
    /// Returns rows and columns in the orientation of the use.
    pub(crate) fn used(&self) -> [usize; 2] {
        let [rows, columns] = if self.transposed { [self.shape[1], self.shape[0]] } else { self.shape };
        [rows, self.columns.as_ref().map_or(columns, Range::len)]
    }

    /// Returns the axis of the stored matrix that holds a `Linear`'s outputs.
    pub(super) fn output_axis(&self) -> usize {
        usize::from(!self.transposed)
    }

    /// Returns the columns of `range`.
    pub(crate) fn columns(mut self, range: &Range<usize>) -> Self {
        let start = self.columns.as_ref().map_or(0, |c| c.start);
        self.columns = Some(start + range.start..start + range.end);
        self
    }

    /// Multiplies the weights by a scalar, or by one number per column of the use.
    ///
    /// Returns `None` if the quantization cannot express the factor.
    pub(crate) fn scaled(mut self, by: &Vector) -> Option<Self> {
        let used = usize::from(!self.transposed);
        let Quantization::Affine { axis, scale, .. } = &mut self.quantization else { return None };
        if by.len() > 1 {
            if self.columns.is_some() || by.len() != self.shape[used] || axis.is_some_and(|a| a != used) {
                return None;
            }
            *axis = Some(used);
        }
        scale.push(by.clone());
        Some(self)
    }

    /// Appends the stored tensors of this matrix to `tensors`.
    pub(super) fn tensors<'a>(&'a self, tensors: &mut Vec<&'a TensorRef>) {
        tensors.extend(&self.parts);
        if let Some(rounding) = &self.rounding {
            rounding.scale.tensors(tensors);
            rounding.zero.tensors(tensors);
        }
        match &self.quantization {
            Quantization::Affine { scale, zero, .. } => {
                scale.iter().chain(zero).for_each(|vector| vector.tensors(tensors));
            }
            Quantization::Blockwise { scale, zero, .. } => {
                [Some(scale), zero.as_ref()].into_iter().flatten().for_each(|vector| vector.tensors(tensors));
            }
        }
    }
}
