//! Weights that stay out of the graph while it is translated. A placeholder has a name, a type and a shape;
//! the elements arrive later, one weight at a time. The matcher can therefore read a graph before its
//! weights have arrived, and no weight is in memory twice.

use super::pb::DataType;
use super::pb::TensorProto;
use crate::encoder::graph::prelude::*;

use super::external::{ExternalData, ExternalRange};
use super::weight_buffer::{WeightBuffer, decode_floats};
use super::{tensor, tensor_info};
use crate::encoder::plan::TensorData;
use crate::encoder::quantize::int4::unpack_u4;
use crate::encoder::reserve::{try_copied, try_with_capacity};
use crate::error::{Result, fail};

/// Weights of at least this many elements are deferred even if their bytes are in the ONNX file.
const MIN_DEFERRED_ELEMENTS: u64 = 1024;
/// Tensors of at most this many elements are needed as constants: they may be shapes or exponents.
const MAX_CONSTANT_ELEMENTS: u64 = 16;

/// A weight whose elements arrive later.
#[derive(Debug)]
pub(crate) struct Weight {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// The type in tract's graph: f32 for every float type.
    pub(crate) datum_type: DatumType,
    /// The bytes in an external file, or `None` for a weight inside the ONNX file.
    pub(crate) external: Option<ExternalRange>,
    proto: TensorProto,
}

/// Returns the elements of a tensor, or `None` for a type that no weight has.
///
/// # Errors
/// `OUT_OF_MEMORY`.
pub(crate) fn tensor_data(tensor: &Tensor) -> Result<Option<TensorData>> {
    const WHAT: &str = "the elements of a tensor";
    let Ok(plain) = tensor.try_as_plain_ram() else { return Ok(None) };
    if let Ok(floats) = plain.as_slice::<f32>() {
        return Ok(Some(TensorData::F32(try_copied(floats, WHAT)?)));
    }
    if let Ok(bytes) = plain.as_slice::<i8>() {
        return Ok(Some(TensorData::I8(try_copied(bytes, WHAT)?)));
    }
    if let Ok(bytes) = plain.as_slice::<u8>() {
        return Ok(Some(TensorData::U8(try_copied(bytes, WHAT)?)));
    }
    let mut floats = try_with_capacity(plain.len(), WHAT)?;
    if let Ok(integers) = plain.as_slice::<i32>() {
        floats.extend(integers.iter().map(|x| *x as f32));
    } else if let Ok(integers) = plain.as_slice::<i16>() {
        floats.extend(integers.iter().map(|x| f32::from(*x)));
    } else if let Ok(integers) = plain.as_slice::<u16>() {
        floats.extend(integers.iter().map(|x| f32::from(*x)));
    } else {
        return Ok(None);
    }
    Ok(Some(TensorData::F32(floats)))
}

/// Returns true if a weight may have this ONNX type.
fn is_weight_type(data_type: i32) -> bool {
    matches!(
        DataType::try_from(data_type),
        Ok(DataType::Float
            | DataType::Float16
            | DataType::Bfloat16
            | DataType::Double
            | DataType::Int16
            | DataType::Uint16
            | DataType::Int8
            | DataType::Uint8
            | DataType::Int4
            | DataType::Uint4)
    )
}

/// Returns true if a tensor is deferred wherever its elements are: the graph is understood without them.
pub(super) fn is_deferred(tensor: &TensorProto) -> bool {
    is_weight_type(tensor.data_type)
        && tensor_info::count(tensor).is_ok_and(|count| count >= MIN_DEFERRED_ELEMENTS)
}

/// The form of an initializer in the graph.
pub(super) enum InitializerKind {
    /// A constant of the graph.
    Constant,
    /// A [`WeightPlaceholder`].
    Deferred,
    /// A constant whose external file has not arrived.
    Missing,
}

impl Weight {
    /// Returns the kind of an initializer. `packed` says that it is a packed matrix of MatMulNBits, which is
    /// deferred whatever its size, because a constant would be unpacked. `has_file` says which external files
    /// have arrived.
    pub(super) fn kind(
        proto: &TensorProto,
        packed: bool,
        has_file: impl Fn(&str) -> bool,
    ) -> Result<InitializerKind> {
        let count = tensor_info::count(proto)?;
        let absent = ExternalRange::of(proto)?.is_some_and(|external| !has_file(&external.path));
        Ok(match (is_weight_type(proto.data_type), absent) {
            (true, true) if count > MAX_CONSTANT_ELEMENTS => InitializerKind::Deferred,
            (_, true) => InitializerKind::Missing,
            (true, false) if packed || count >= MIN_DEFERRED_ELEMENTS => InitializerKind::Deferred,
            (_, false) => InitializerKind::Constant,
        })
    }

    /// Makes a deferred weight from an initializer.
    ///
    /// # Errors
    /// `INVALID_MODEL` if its type, shape or external data is invalid.
    pub(super) fn new(mut proto: TensorProto) -> Result<Self> {
        let Some(datum_type) = tensor_info::graph_type(proto.data_type) else {
            fail!(InvalidModel, "tensor `{}` has an unsupported type", proto.name);
        };
        let shape = tensor_info::shape(&proto)?;
        let external = ExternalRange::of(&proto)?;
        let name = std::mem::take(&mut proto.name);
        Ok(Self { name, shape, datum_type, external, proto })
    }

    /// Returns the ONNX type of the stored elements.
    pub(super) fn data_type(&self) -> i32 {
        self.proto.data_type
    }

    /// Returns the number of elements.
    pub(crate) fn elements(&self) -> usize {
        self.shape.iter().fold(1, |product, dim| product.saturating_mul(*dim))
    }

    /// Returns the bytes of the weight in its file.
    pub(crate) fn byte_size(&self) -> Result<u64> {
        tensor_info::byte_size(&self.proto)
    }

    /// Returns the elements of a weight inside the ONNX file.
    ///
    /// # Errors
    /// `INVALID_MODEL` if they do not match the shape, `OUT_OF_MEMORY`.
    pub(crate) fn embedded(&self) -> Result<TensorData> {
        if !self.proto.raw_data.is_empty() {
            let what = format_args!("tensor `{}`", self.name);
            return self.decode(try_copied(&self.proto.raw_data, what)?);
        }
        let mut proto = TensorProto { name: self.name.clone(), ..self.proto.clone() };
        let tensor = tensor::load(&mut proto, &mut ExternalData::empty())?;
        match tensor_data(&tensor)? {
            Some(data) => Ok(data),
            None => fail!(InvalidModel, "tensor `{}` has a type that no weight has", self.name),
        }
    }

    /// Returns a copy of the elements. `read` returns a range of bytes of an external file.
    ///
    /// # Errors
    /// `INVALID_MODEL` if they do not match the shape, and the errors of `read`.
    #[cfg(feature = "convert")]
    pub(crate) fn load(&self, read: &super::external::ReadRange) -> Result<TensorData> {
        if let Some(external) = &self.external {
            return self.decode(read(&external.path, external.range.clone())?);
        }
        self.embedded()
    }

    /// Converts the bytes that the file stores for this weight.
    ///
    /// # Errors
    /// `INVALID_MODEL` if their number does not match the shape.
    pub(crate) fn decode(&self, bytes: Vec<u8>) -> Result<TensorData> {
        let expected = self.byte_size()?;
        if bytes.len() as u64 != expected {
            fail!(
                InvalidModel,
                "tensor `{}` of shape {:?} has {} bytes; expected {expected}",
                self.name,
                self.shape,
                bytes.len()
            );
        }
        if let Some(floats) = decode_floats(self.data_type(), &bytes)? {
            return Ok(floats);
        }
        Ok(match DataType::try_from(self.data_type()) {
            // These reuse the memory of `bytes`.
            Ok(DataType::Int8) => TensorData::I8(bytes.into_iter().map(u8::cast_signed).collect()),
            Ok(DataType::Uint8) => TensorData::U8(bytes),
            Ok(DataType::Uint4) => {
                let count = self.shape.iter().product();
                let mut integers = try_with_capacity(count, format_args!("tensor `{}`", self.name))?;
                integers.extend(unpack_u4(&bytes).take(count));
                TensorData::U8(integers)
            }
            _ => match tensor_data(&tensor::from_bytes(self.data_type(), &self.shape, &bytes)?)? {
                Some(data) => data,
                None => fail!(InvalidModel, "tensor `{}` has a type that no weight has", self.name),
            },
        })
    }

    /// Returns a buffer for the bytes of this weight. See [`WeightBuffer::new`].
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`.
    pub(crate) fn buffer(&self, row_width: Option<usize>) -> Result<WeightBuffer> {
        WeightBuffer::new(self.data_type(), self.byte_size()?, row_width)
    }

    /// Returns the initializer, to be loaded as a constant.
    #[cfg(feature = "unfused")]
    pub(super) fn into_proto(self) -> TensorProto {
        TensorProto { name: self.name, ..self.proto }
    }
}

/// Stands for a weight in tract's graph. It has a shape and a type, and cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WeightPlaceholder {
    /// The index in [`OnnxGraph::weights`](super::OnnxGraph).
    pub(crate) index: usize,
    datum_type: DatumType,
    shape: TVec<usize>,
}

impl WeightPlaceholder {
    /// Makes the placeholder of weight `index`.
    pub(super) fn new(index: usize, weight: &Weight) -> Self {
        Self { index, datum_type: weight.datum_type, shape: weight.shape.iter().copied().collect() }
    }
}

impl TypedOp for WeightPlaceholder {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(self.datum_type.fact(self.shape.iter())))
    }

    fn eval(&self, _symbols: &SymbolValues, _inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        bail!("the elements have not arrived")
    }
}
