//! Collects the elements of a weight while its bytes arrive. Floats are converted at once, so that the stored
//! bytes and the converted elements are never in memory together.

use half::{bf16, f16};

use super::pb::DataType;
use crate::encoder::plan::TensorData;
use crate::encoder::quantize::int8::quantize_rows_i8;
use crate::encoder::reserve::try_with_capacity;
use crate::error::{Error, ErrorCode, Result, fail};

/// The most bytes that are reserved for a weight before its bytes arrive. A truncated file may claim more than
/// it has.
const MAX_RESERVED_BYTES: usize = 32 << 20;
/// Bytes that are reserved beyond a weight. So the memory that it leaves holds the aligned panels that the next weight
/// is packed into; without them, each packed weight of a file takes new memory (25 MB for a BERT-base in int8).
const SPARE_BYTES: usize = 128;
/// The most elements that are reserved beyond those so far, once they do not suffice. Doubling would take three
/// times the size of a large table: the old memory and the new, which is up to twice as large as needed.
const MAX_GROWTH: usize = 8;

/// The elements of a weight that has arrived.
#[derive(Debug)]
pub(crate) enum ArrivedWeight {
    /// Floats as `f32`.
    Floats(Vec<f32>),
    /// The bytes as they are stored.
    Bytes(Vec<u8>),
    /// A table, quantized row by row.
    Rows(Int8Rows),
}

/// A table `[rows, width]` of integers, with one scale per row.
#[derive(Debug, PartialEq)]
pub(crate) struct Int8Rows {
    /// `[rows, width]`.
    pub(crate) q: Vec<i8>,
    /// `[rows]`.
    pub(crate) scales: Vec<f32>,
}

/// The elements of a weight so far.
#[derive(Debug)]
pub(crate) struct WeightBuffer {
    /// The bytes that have arrived.
    taken: u64,
    /// The bytes that are expected.
    size: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    Floats(FloatBuffer),
    Rows { floats: FloatBuffer, width: usize, rows: Int8Rows, is_finite: bool },
}

impl WeightBuffer {
    /// Makes a buffer for a weight of `size` bytes of an ONNX `data_type`. With `row_width`, floats become rows
    /// of that many integers.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    pub(crate) fn new(data_type: i32, size: u64, row_width: Option<usize>) -> Result<Self> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let content = match (FloatFormat::of(data_type), row_width) {
            (Some(format), None) => Content::Floats(FloatBuffer::new(format, size / format.bytes())?),
            (Some(format), Some(width)) => {
                let count = (size / format.bytes()).min(MAX_RESERVED_BYTES);
                let rows = Int8Rows {
                    q: try_with_capacity(count, "a table in int8")?,
                    scales: try_with_capacity(count / width.max(1), "a table in int8")?,
                };
                let floats = FloatBuffer::new(format, 0)?;
                Content::Rows { floats, width: width.max(1), rows, is_finite: true }
            }
            (None, _) => {
                let bytes = size.saturating_add(SPARE_BYTES).min(MAX_RESERVED_BYTES);
                Content::Bytes(try_with_capacity(bytes, "a weight")?)
            }
        };
        Ok(Self { taken: 0, size, content })
    }

    /// Returns the number of bytes that have arrived.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.taken = self.taken.saturating_add(bytes.len() as u64);
        match &mut self.content {
            Content::Bytes(all) => {
                reserve(all, bytes.len(), self.size)?;
                all.extend_from_slice(bytes);
            }
            Content::Floats(floats) => floats.push(bytes)?,
            Content::Rows { floats, width, rows, is_finite } => {
                floats.push(bytes)?;
                let whole = floats.floats.len() / *width * *width;
                *is_finite &= floats.floats[..whole].iter().all(|x| x.is_finite());
                let (q, scales) = quantize_rows_i8(&floats.floats[..whole], *width)?;
                let total = self.size / floats.format.bytes();
                reserve(&mut rows.q, q.len(), total)?;
                reserve(&mut rows.scales, scales.len(), total / *width)?;
                rows.q.extend_from_slice(&q);
                rows.scales.extend_from_slice(&scales);
                floats.floats.drain(..whole);
            }
        }
        Ok(())
    }

    /// Returns the elements. `name` is the weight's name.
    ///
    /// # Errors
    /// `INVALID_MODEL` if a row has an element that is not finite.
    pub(crate) fn finish(self, name: &str) -> Result<ArrivedWeight> {
        Ok(match self.content {
            Content::Bytes(bytes) => ArrivedWeight::Bytes(bytes),
            Content::Floats(floats) => ArrivedWeight::Floats(floats.floats),
            Content::Rows { is_finite: false, .. } => {
                fail!(InvalidModel, "tensor `{name}` has an element that is not finite: its file is damaged")
            }
            Content::Rows { rows, .. } => ArrivedWeight::Rows(rows),
        })
    }
}

/// Returns the elements of a float weight as `f32`, or `None` for a type that is no float.
///
/// # Errors
/// `OUT_OF_MEMORY`.
pub(super) fn decode_floats(data_type: i32, bytes: &[u8]) -> Result<Option<TensorData>> {
    let Some(format) = FloatFormat::of(data_type) else { return Ok(None) };
    let mut floats = FloatBuffer::new(format, bytes.len() / format.bytes())?;
    floats.push(bytes)?;
    Ok(Some(TensorData::F32(floats.floats)))
}

/// The format of a float in a file.
#[derive(Debug, Clone, Copy)]
enum FloatFormat {
    F32,
    F16,
    Bf16,
    F64,
}

impl FloatFormat {
    fn of(data_type: i32) -> Option<Self> {
        Some(match DataType::try_from(data_type).ok()? {
            DataType::Float => Self::F32,
            DataType::Float16 => Self::F16,
            DataType::Bfloat16 => Self::Bf16,
            DataType::Double => Self::F64,
            _ => return None,
        })
    }

    /// Returns the bytes of an element.
    fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// Floats, converted as their bytes arrive.
#[derive(Debug)]
struct FloatBuffer {
    format: FloatFormat,
    /// The bytes of an element that has not arrived as a whole.
    part: Vec<u8>,
    floats: Vec<f32>,
    /// The elements that are expected, or 0 if they are taken out as they arrive.
    total: usize,
}

impl FloatBuffer {
    fn new(format: FloatFormat, total: usize) -> Result<Self> {
        let capacity = total.min(MAX_RESERVED_BYTES / size_of::<f32>());
        let floats = try_with_capacity(capacity, "a weight as floats")?;
        Ok(Self { format, part: Vec::new(), floats, total })
    }

    fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        let size = self.format.bytes();
        if !self.part.is_empty() {
            let (head, rest) = bytes.split_at(bytes.len().min(size - self.part.len()));
            self.part.extend_from_slice(head);
            bytes = rest;
            if self.part.len() < size {
                return Ok(());
            }
            let part = std::mem::take(&mut self.part);
            self.convert(&part)?;
        }
        let whole = bytes.len() / size * size;
        self.convert(&bytes[..whole])?;
        self.part.extend_from_slice(&bytes[whole..]);
        Ok(())
    }

    /// Converts whole elements.
    fn convert(&mut self, bytes: &[u8]) -> Result<()> {
        let floats = &mut self.floats;
        reserve(floats, bytes.len() / self.format.bytes(), self.total)?;
        match self.format {
            FloatFormat::F32 => floats.extend(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))),
            FloatFormat::F16 => {
                floats.extend(bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()));
            }
            FloatFormat::Bf16 => {
                floats.extend(bytes.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()));
            }
            FloatFormat::F64 => {
                floats.extend(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32));
            }
        }
        Ok(())
    }
}

/// Reserves memory for `count` more elements, and for all of the expected `total` if that is not much more than what
/// has arrived.
fn reserve<T>(values: &mut Vec<T>, count: usize, total: usize) -> Result<()> {
    let needed = values.len().saturating_add(count);
    if needed <= values.capacity() {
        return Ok(());
    }
    let grown = if total == 0 { values.capacity().saturating_mul(2) } else { total };
    let wanted = grown.min(values.capacity().saturating_mul(MAX_GROWTH)).max(needed);
    values.try_reserve_exact(wanted - values.len()).map_err(|e| {
        let bytes = wanted.saturating_mul(size_of::<T>());
        Error::with_source(ErrorCode::OutOfMemory, format!("cannot reserve {bytes} bytes for a weight"), e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(data_type: DataType, bytes: &[u8], chunk: usize) -> Vec<f32> {
        let mut buffer = WeightBuffer::new(data_type as i32, bytes.len() as u64, None).unwrap();
        bytes.chunks(chunk).for_each(|part| buffer.push(part).unwrap());
        assert_eq!(buffer.taken(), bytes.len() as u64);
        match buffer.finish("a weight").unwrap() {
            ArrivedWeight::Floats(floats) => floats,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn floats_of_every_format_arrive_in_chunks_of_every_size() {
        let values: Vec<f32> = (-8..9).map(|i| i as f32 * 0.25).collect();
        let bytes = |of: &dyn Fn(f32) -> Vec<u8>| values.iter().flat_map(|x| of(*x)).collect::<Vec<u8>>();
        let formats = [
            (DataType::Float, bytes(&|x| x.to_le_bytes().to_vec())),
            (DataType::Float16, bytes(&|x| f16::from_f32(x).to_le_bytes().to_vec())),
            (DataType::Bfloat16, bytes(&|x| bf16::from_f32(x).to_le_bytes().to_vec())),
            (DataType::Double, bytes(&|x| f64::from(x).to_le_bytes().to_vec())),
        ];
        for (data_type, bytes) in formats {
            for chunk in 1..20 {
                assert_eq!(floats(data_type, &bytes, chunk), values, "{data_type:?} in chunks of {chunk}");
            }
        }
    }

    #[test]
    fn rows_that_arrive_in_chunks_are_those_of_the_whole_table() {
        let values: Vec<f32> = (0..7 * 12).map(|i| ((i * 37) % 101) as f32 - 50.0).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let (q, scales) = quantize_rows_i8(&values, 12).unwrap();
        let whole = Int8Rows { q, scales };
        for chunk in [1, 3, 47, 48, 49, 500] {
            let size = bytes.len() as u64;
            let mut buffer = WeightBuffer::new(DataType::Float as i32, size, Some(12)).unwrap();
            bytes.chunks(chunk).for_each(|part| buffer.push(part).unwrap());
            match buffer.finish("a table").unwrap() {
                ArrivedWeight::Rows(rows) => assert_eq!(rows, whole, "chunks of {chunk}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn large_weight_reserves_its_size_once_it_shows_that_it_is_large() {
        let size = MAX_RESERVED_BYTES + (MAX_RESERVED_BYTES >> 2);
        let mut buffer = WeightBuffer::new(DataType::Int8 as i32, size as u64, None).unwrap();
        let chunk = vec![1u8; 1 << 20];
        let capacity = |buffer: &WeightBuffer| match &buffer.content {
            Content::Bytes(bytes) => bytes.capacity(),
            _ => 0,
        };
        assert_eq!(capacity(&buffer), MAX_RESERVED_BYTES);
        (0..size >> 20).for_each(|_| buffer.push(&chunk).unwrap());
        assert_eq!(capacity(&buffer), size);
        // More bytes than were claimed are taken, too.
        buffer.push(&chunk).unwrap();
        assert_eq!(buffer.taken(), (size + (1 << 20)) as u64);
    }

    #[test]
    fn row_with_a_number_that_is_not_finite_is_rejected() {
        let mut buffer = WeightBuffer::new(DataType::Float as i32, 8, Some(2)).unwrap();
        buffer.push(&1f32.to_le_bytes()).unwrap();
        buffer.push(&f32::NAN.to_le_bytes()).unwrap();
        let error = buffer.finish("a table").unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidModel);
        assert!(error.message().contains("`a table`"), "{error}");
    }
}
