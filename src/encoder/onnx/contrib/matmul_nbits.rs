//! `com.microsoft.MatMulNBits`: weights of 4 or 8 bits in blocks, each with a scale.
//!
//! The plain encoder unpacks them to f32 when it loads.

use tract_core::prelude::*;

use super::blockwise::BlockwiseMatrix;
use crate::encoder::onnx::build::Builder;
use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::{Value, fixed};
use crate::encoder::plan::BlockFormat;
use crate::encoder::quantize::int4::u4_at;
use crate::error::Result;

/// The weights' layout: `rows` outputs of `columns` inputs each.
struct Blocks {
    rows: usize,
    columns: usize,
    bits: usize,
    size: usize,
}

impl Blocks {
    fn of(site: &Site) -> Result<Self> {
        let positive = |name: &str| -> Result<usize> {
            match site.node.int_or(name, 0)? {
                n @ 1..=0xff_ffff => Ok(n as usize),
                n => Err(site.build.invalid(format_args!("{name} = {n}"))),
            }
        };
        let bits = site.node.int_or("bits", 4)?;
        if bits != 4 && bits != 8 {
            return Err(site.build.unsupported(format_args!("weights of {bits} bits")));
        }
        let blocks = Self {
            rows: positive("N")?,
            columns: positive("K")?,
            bits: bits as usize,
            size: positive("block_size")?,
        };
        if blocks.size < 16 || !blocks.size.is_power_of_two() {
            return Err(site.build.invalid(format_args!("block_size = {}", blocks.size)));
        }
        Ok(blocks)
    }

    /// Blocks in a row.
    fn count(&self) -> usize {
        self.columns.div_ceil(self.size)
    }

    /// The weights, `[rows, columns]`, where their numbers come later.
    fn later(
        &self,
        build: &mut Builder,
        bytes: usize,
        packed: &Value,
        scales: &Value,
        zeros: Option<&Value>,
    ) -> Result<Value> {
        let count = self.rows * self.count();
        let length = |value: &Value| fixed(&value.dims().iter().product()).unwrap_or(0);
        let float_zeros = zeros.is_some_and(|zeros| zeros.datum_type() == DatumType::F32);
        let zeros_due = if float_zeros { count } else { self.rows * (self.count() * self.bits).div_ceil(8) };
        if packed.datum_type() != DatumType::U8
            || length(packed) != bytes
            || scales.datum_type() != DatumType::F32
            || length(scales) != count
            || zeros
                .is_some_and(|z| !float_zeros && z.datum_type() != DatumType::U8 || length(z) != zeros_due)
        {
            return Err(build.unsupported("its weights, scales or zero points have another shape or type"));
        }
        let (rows, columns, bits, block_size) = (self.rows, self.columns, self.bits, self.size);
        let op =
            BlockwiseMatrix(BlockFormat { rows, columns, bits, block_size, packed: bits == 4, float_zeros });
        match zeros {
            Some(zeros) => build.wire(op, &[packed, scales, zeros]),
            None => build.wire(op, &[packed, scales]),
        }
    }

    /// Number `i` of a list of numbers packed low bits first.
    fn unpack(&self, bytes: &[u8], i: usize) -> u8 {
        if self.bits == 8 { bytes[i] } else { u4_at(bytes, i) }
    }

    /// Unpacks to `[columns, rows]`. The lists' lengths were checked.
    fn weights(&self, packed: &[u8], scales: &[f32], zeros: &Zeros) -> TractResult<Tensor> {
        let (blocks, bytes) = (self.count(), self.size * self.bits / 8);
        let mut weights = vec![0f32; self.rows * self.columns];
        for row in 0..self.rows {
            for block in 0..blocks {
                let at = row * blocks + block;
                let zero = match zeros {
                    Zeros::Middle => (1 << (self.bits - 1)) as f32,
                    Zeros::Packed(list) => {
                        let length = (blocks * self.bits).div_ceil(8);
                        f32::from(self.unpack(&list[row * length..(row + 1) * length], block))
                    }
                    Zeros::Floats(list) => list[at],
                };
                let numbers = &packed[at * bytes..(at + 1) * bytes];
                let first = block * self.size;
                for i in 0..self.size.min(self.columns - first) {
                    let number = f32::from(self.unpack(numbers, i));
                    weights[(first + i) * self.rows + row] = (number - zero) * scales[at];
                }
            }
        }
        Tensor::from_shape(&[self.columns, self.rows], &weights)
    }
}

/// Zero points.
enum Zeros {
    /// None are given: half of the range.
    Middle,
    /// Packed like the weights, a row beginning at a byte.
    Packed(Vec<u8>),
    Floats(Vec<f32>),
}

/// The elements of a constant, of which there must be `count`.
fn list<T: Datum + Copy>(build: &Builder, value: &Value, what: &str, count: usize) -> Result<Vec<T>> {
    let Some(tensor) = value.tensor() else {
        return Err(build.unsupported(format_args!("its {what} are not constant")));
    };
    if tensor.datum_type() != T::datum_type() || tensor.len() != count {
        let message = format!("its {what} are {:?} {:?}, not {count}", tensor.datum_type(), tensor.shape());
        return Err(build.invalid(message));
    }
    let plain = tensor.try_as_plain_ram().map_err(|e| build.invalid(e))?;
    Ok(plain.as_slice::<T>().map_err(|e| build.invalid(e))?.to_vec())
}

/// Inputs: a, weights `[N, blocks, bytes]`, scales, zero points?, order?, bias?.
pub(crate) fn matmul_nbits(site: &mut Site) -> Outputs {
    let (a, packed, scales) = (site.input(0)?, site.input(1)?, site.input(2)?);
    let (zeros, bias) = (site.optional(3), site.optional(5));
    if site.optional(4).is_some() {
        return Err(site.build.unsupported("its weights are in another order (g_idx)"));
    }
    let blocks = Blocks::of(site)?;
    let build = &mut *site.build;
    if a.dims().last().and_then(fixed) != Some(blocks.columns) {
        return Err(build.invalid(format_args!("K = {} for {:?}", blocks.columns, a.dims())));
    }
    let bytes = blocks.rows.checked_mul(blocks.count()).and_then(|n| n.checked_mul(blocks.size));
    let Some(bytes) = bytes.map(|n| n / 8 * blocks.bits) else {
        return Err(build.invalid("its sizes are out of range"));
    };
    let count = blocks.rows * blocks.count();
    if let Value::Wire(..) = packed {
        let weights = blocks.later(build, bytes, &packed, &scales, zeros.as_ref())?;
        let result = build.product(&a, &weights, false, true)?;
        return Ok(tvec!(match bias {
            Some(bias) => build.add_bias(&result, &bias)?,
            None => result,
        }));
    }
    let packed = list::<u8>(build, &packed, "weights", bytes)?;
    let scales = list::<f32>(build, &scales, "scales", count)?;
    let zeros = match zeros {
        None => Zeros::Middle,
        Some(zeros) if zeros.datum_type() == DatumType::F32 => {
            Zeros::Floats(list(build, &zeros, "zero points", count)?)
        }
        Some(zeros) => {
            let row = (blocks.count() * blocks.bits).div_ceil(8);
            Zeros::Packed(list(build, &zeros, "zero points", blocks.rows * row)?)
        }
    };
    let weights = blocks.weights(&packed, &scales, &zeros).map_err(|e| build.invalid(e))?;
    let mut result = build.matmul(&a, &Value::konst(weights))?;
    if let Some(bias) = bias {
        result = build.add_bias(&result, &bias)?;
    }
    Ok(tvec!(result))
}
