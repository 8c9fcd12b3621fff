//! Weights that stay out of the graph while it is translated: a *handle* has a name, a type and
//! a shape, and the numbers come later, one weight at a time. So a graph can be understood
//! before its weights are there, and no weight is ever held twice.

use super::pb::DataType;
use super::pb::TensorProto;
use tract_core::internal::*;

use super::external::{ExternalData, ExternalRange};
use super::{tensor, tensor_info};
use crate::encoder::plan::TensorData;
use crate::encoder::quantize::int4::unpack_u4;
use crate::error::{Result, fail};

/// From so many elements on a weight is kept as a handle even if its bytes are at hand.
const MIN_DEFERRED_ELEMENTS: u64 = 1024;
/// Fewer may be shapes, exponents or the like, which a graph makes no sense without.
const MAX_CONSTANT_ELEMENTS: u64 = 16;

/// A weight whose numbers come later.
#[derive(Debug)]
pub(crate) struct Weight {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// The type that the graph sees, floats being f32.
    pub(crate) datum_type: DatumType,
    /// Its bytes in a file beside the ONNX file, or `None` for a weight in the ONNX file.
    pub(crate) external: Option<ExternalRange>,
    proto: TensorProto,
}

/// Returns the elements of a tensor, or `None` for a type that no weight has.
pub(crate) fn tensor_data(tensor: &Tensor) -> Option<TensorData> {
    let plain = tensor.try_as_plain_ram().ok()?;
    Some(match tensor.datum_type() {
        DatumType::F32 => TensorData::F32(plain.as_slice::<f32>().ok()?.to_vec()),
        DatumType::I8 => TensorData::I8(plain.as_slice::<i8>().ok()?.to_vec()),
        DatumType::U8 => TensorData::U8(plain.as_slice::<u8>().ok()?.to_vec()),
        DatumType::I32 => TensorData::F32(plain.as_slice::<i32>().ok()?.iter().map(|x| *x as f32).collect()),
        _ => return None,
    })
}

/// What becomes of a tensor of the file before the graph is translated.
pub(super) enum InitializerKind {
    /// A constant: its numbers are needed now.
    Constant,
    /// A handle.
    Deferred,
    /// A constant whose file is not there yet.
    Missing,
}

impl Weight {
    /// What to do with a tensor when some files are `there` already. `packed`: that it is the packed numbers
    /// of a product, which as a constant would be unpacked, however small it is.
    pub(super) fn kind(
        proto: &TensorProto,
        packed: bool,
        there: impl Fn(&str) -> bool,
    ) -> Result<InitializerKind> {
        let count = tensor_info::count(proto)?;
        let absent = ExternalRange::of(proto)?.is_some_and(|place| !there(&place.path));
        let number = matches!(
            DataType::try_from(proto.data_type),
            Ok(DataType::Float
                | DataType::Float16
                | DataType::Bfloat16
                | DataType::Double
                | DataType::Int8
                | DataType::Uint8
                | DataType::Int4
                | DataType::Uint4)
        );
        Ok(match (number, absent) {
            (true, true) if count > MAX_CONSTANT_ELEMENTS => InitializerKind::Deferred,
            (_, true) => InitializerKind::Missing,
            (true, false) if packed || count >= MIN_DEFERRED_ELEMENTS => InitializerKind::Deferred,
            (_, false) => InitializerKind::Constant,
        })
    }

    /// A handle.
    pub(super) fn new(mut proto: TensorProto) -> Result<Self> {
        let Some(datum_type) = tensor_info::graph_type(proto.data_type) else {
            fail!(InvalidModel, "tensor `{}` is of no known type", proto.name);
        };
        let shape = tensor_info::shape(&proto)?;
        let external = ExternalRange::of(&proto)?;
        let name = std::mem::take(&mut proto.name);
        Ok(Self { name, shape, datum_type, external, proto })
    }

    /// The ONNX type that the file stores it in.
    pub(super) fn data_type(&self) -> i32 {
        self.proto.data_type
    }

    /// Bytes that it has in the file.
    pub(crate) fn byte_size(&self) -> Result<u64> {
        tensor_info::byte_size(&self.proto)
    }

    /// The numbers of a weight in the ONNX file; it has none afterwards.
    pub(crate) fn take(&mut self) -> Result<TensorData> {
        let raw = std::mem::take(&mut self.proto.raw_data);
        if !raw.is_empty() {
            return self.decode(raw);
        }
        self.proto.name.clone_from(&self.name);
        let tensor = tensor::load(&mut self.proto, &mut ExternalData::empty())?;
        self.proto = TensorProto { data_type: self.proto.data_type, ..TensorProto::default() };
        match tensor_data(&tensor) {
            Some(numbers) => Ok(numbers),
            None => fail!(InvalidModel, "tensor `{}` is no weight", self.name),
        }
    }

    /// Converts the bytes that the file stores for this weight.
    ///
    /// # Errors
    /// `INVALID_MODEL` if their number does not match the shape.
    pub(crate) fn decode(&self, bytes: Vec<u8>) -> Result<TensorData> {
        let due = self.byte_size()?;
        if bytes.len() as u64 != due {
            fail!(
                InvalidModel,
                "tensor `{}` of dims {:?} has {} bytes, not {due}",
                self.name,
                self.shape,
                bytes.len()
            );
        }
        let count: usize = self.shape.iter().product();
        Ok(match DataType::try_from(self.data_type()) {
            // These reuse the memory.
            Ok(DataType::Int8) => TensorData::I8(bytes.into_iter().map(u8::cast_signed).collect()),
            Ok(DataType::Uint8) => TensorData::U8(bytes),
            Ok(DataType::Float) => {
                TensorData::F32(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
            }
            Ok(DataType::Uint4) => TensorData::U8(unpack_u4(&bytes).take(count).collect()),
            _ => match tensor_data(&tensor::from_bytes(self.data_type(), &self.shape, &bytes)?) {
                Some(numbers) => numbers,
                None => fail!(InvalidModel, "tensor `{}` is no weight", self.name),
            },
        })
    }

    /// Back to what the file has, to be loaded as a constant.
    pub(super) fn into_proto(self) -> TensorProto {
        TensorProto { name: self.name, ..self.proto }
    }
}

/// A handle in tract's graph: it has a shape and a type, and cannot be evaluated.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub(crate) struct WeightPlaceholder {
    /// Its place in [`OnnxGraph::weights`](super::OnnxGraph).
    pub(crate) index: usize,
    datum_type: DatumType,
    shape: TVec<usize>,
}

impl WeightPlaceholder {
    pub(super) fn new(index: usize, weight: &Weight) -> Self {
        Self { index, datum_type: weight.datum_type, shape: weight.shape.iter().copied().collect() }
    }
}

impl Op for WeightPlaceholder {
    fn name(&self) -> StaticName {
        "WeightPlaceholder".into()
    }

    op_as_typed_op!();
}

impl EvalOp for WeightPlaceholder {
    not_out_of_plan!();
}

impl TypedOp for WeightPlaceholder {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(self.datum_type.fact(&self.shape)))
    }

    as_op!();
}
