//! Nodes, constants and weights of an ONNX graph.

use std::fmt::Display;

use corom::encoder::onnx::pb::AttributeType;
use corom::encoder::onnx::pb::{
    AttributeProto, GraphProto, NodeProto, StringStringEntryProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};
use corom::encoder::onnx::pb::{DataLocation, DataType};
use corom::encoder::onnx::pb::{Dimension, DimensionValue};
use corom::error::Result;
use corom::model::manifest::MAX_SHARD_BYTES;

use crate::convert::shards::Shards;
use crate::fail;

/// The domain of onnxruntime's own operators.
pub(crate) const MICROSOFT: &str = "com.microsoft";
/// Smaller tensors are written into `model.onnx` itself.
const MIN_EXTERNAL_BYTES: usize = 1024;

/// Numbers of a tensor, row-major.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Numbers<'a> {
    F32(&'a [f32]),
    /// Half floats, as bits.
    F16(&'a [u16]),
    I8(&'a [i8]),
    U8(&'a [u8]),
    I64(&'a [i64]),
}

impl Numbers<'_> {
    fn data_type(self) -> DataType {
        match self {
            Self::F32(_) => DataType::Float,
            Self::F16(_) => DataType::Float16,
            Self::I8(_) => DataType::Int8,
            Self::U8(_) => DataType::Uint8,
            Self::I64(_) => DataType::Int64,
        }
    }

    fn size(self) -> usize {
        match self {
            Self::F32(_) => 4,
            Self::F16(_) => 2,
            Self::I8(_) | Self::U8(_) => 1,
            Self::I64(_) => 8,
        }
    }

    fn len(self) -> usize {
        match self {
            Self::F32(x) => x.len(),
            Self::F16(x) => x.len(),
            Self::I8(x) => x.len(),
            Self::U8(x) => x.len(),
            Self::I64(x) => x.len(),
        }
    }

    /// Little-endian bytes of `from..to`.
    fn bytes(self, from: usize, to: usize) -> Vec<u8> {
        match self {
            Self::F32(x) => x[from..to].iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::F16(x) => x[from..to].iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::I8(x) => x[from..to].iter().map(|x| x.cast_unsigned()).collect(),
            Self::U8(x) => x[from..to].to_vec(),
            Self::I64(x) => x[from..to].iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }
}

/// An attribute of a node.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attribute<'a> {
    Int(&'a str, i64),
    Float(&'a str, f32),
    Ints(&'a str, &'a [i64]),
}

impl Attribute<'_> {
    fn proto(self) -> AttributeProto {
        let mut proto = AttributeProto::default();
        let (name, kind) = match self {
            Self::Int(name, value) => {
                proto.i = value;
                (name, AttributeType::Int)
            }
            Self::Float(name, value) => {
                proto.f = value;
                (name, AttributeType::Float)
            }
            Self::Ints(name, values) => {
                proto.ints = values.into();
                (name, AttributeType::Ints)
            }
        };
        proto.name = name.into();
        proto.r#type = kind.into();
        proto
    }
}

/// A graph under construction; its large tensors go to the shards as they come.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    graph: GraphProto,
    shards: &'a mut Shards,
}

impl<'a> Builder<'a> {
    /// An empty graph.
    pub(crate) fn new(name: &str, shards: &'a mut Shards) -> Self {
        Self { graph: GraphProto { name: name.into(), ..GraphProto::default() }, shards }
    }

    /// What was built.
    pub(crate) fn finish(self) -> GraphProto {
        self.graph
    }

    /// Adds a node `{scope}/{op}` and returns the name of its output.
    pub(crate) fn node(
        &mut self,
        scope: &str,
        op: &str,
        inputs: &[&str],
        attributes: &[Attribute],
    ) -> String {
        let mut name = format!("{scope}/{op}");
        for again in 1.. {
            if self.graph.node.iter().rev().all(|n| n.name != name) {
                break;
            }
            name = format!("{scope}/{op}_{again}");
        }
        let output = format!("{name}_output_0");
        self.named_node(&name, op, inputs, &output, attributes);
        output
    }

    /// The same with an operator of [`MICROSOFT`].
    pub(crate) fn microsoft_node(
        &mut self,
        scope: &str,
        op: &str,
        inputs: &[&str],
        attributes: &[Attribute],
    ) -> String {
        let output = self.node(scope, op, inputs, attributes);
        if let Some(node) = self.graph.node.last_mut() {
            node.domain = MICROSOFT.into();
        }
        output
    }

    /// Adds a node of this name, whose output has a name of its own.
    pub(crate) fn named_node(
        &mut self,
        name: &str,
        op: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[Attribute],
    ) {
        self.graph.node.push(NodeProto {
            name: name.into(),
            op_type: op.into(),
            input: inputs.iter().map(|&i| i.into()).collect(),
            output: vec![output.into()],
            attribute: attributes.iter().map(|a| a.proto()).collect(),
            ..NodeProto::default()
        });
    }

    /// Adds a small constant once; later calls with the same name reuse it.
    pub(crate) fn constant(&mut self, name: &str, shape: &[usize], numbers: Numbers) -> String {
        if self.graph.initializer.iter().all(|t| t.name != name) {
            let mut tensor = header(name, shape, numbers);
            tensor.raw_data = numbers.bytes(0, numbers.len());
            self.graph.initializer.push(tensor);
        }
        name.into()
    }

    /// Adds a weight. A large one goes to the shards; one larger than a shard
    /// goes there in parts of whole rows, which a Concat joins, since external
    /// data cannot span files.
    ///
    /// # Errors
    /// `UNSUPPORTED_MODEL` when a single row is larger than a shard.
    pub(crate) fn weight(&mut self, name: &str, shape: &[usize], numbers: Numbers) -> Result<String> {
        let bytes = numbers.len() * numbers.size();
        if bytes < MIN_EXTERNAL_BYTES {
            return Ok(self.constant(name, shape, numbers));
        }
        if bytes <= MAX_SHARD_BYTES {
            self.external(name, shape, numbers, 0, numbers.len())?;
            return Ok(name.into());
        }
        let [rows, inner @ ..] = shape else { fail!(Internal, "`{name}` has no rows") };
        let row: usize = inner.iter().product();
        let rows_a_part = MAX_SHARD_BYTES / (row * numbers.size()).max(1);
        if rows_a_part == 0 {
            fail!(UnsupportedModel, "`{name}`: one row is larger than a weight file may be");
        }
        let mut parts = Vec::new();
        for (i, first) in (0..*rows).step_by(rows_a_part).enumerate() {
            let last = rows.min(&(first + rows_a_part)).to_owned();
            let part = format!("{name}.{i}");
            let shape = [&[last - first], inner].concat();
            self.external(&part, &shape, numbers, first * row, last * row)?;
            parts.push(part);
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.named_node(&format!("{name}/Concat"), "Concat", &parts, name, &[Attribute::Int("axis", 0)]);
        Ok(name.into())
    }

    fn external(
        &mut self,
        name: &str,
        shape: &[usize],
        numbers: Numbers,
        from: usize,
        to: usize,
    ) -> Result<()> {
        let place = self.shards.put(&numbers.bytes(from, to))?;
        let mut tensor = header(name, shape, numbers);
        tensor.data_location = Some(DataLocation::External.into());
        let entry = |key: &str, value: &dyn Display| StringStringEntryProto {
            key: key.into(),
            value: value.to_string(),
        };
        tensor.external_data = vec![
            entry("location", &place.file),
            entry("offset", &place.offset),
            entry("length", &place.length),
        ];
        self.graph.initializer.push(tensor);
        Ok(())
    }

    /// Declares an input of the graph.
    pub(crate) fn input(&mut self, name: &str, shape: &[Size], data_type: DataType) {
        self.graph.input.push(value_info(name, shape, data_type));
    }

    /// Declares an output of the graph.
    pub(crate) fn output(&mut self, name: &str, shape: &[Size], data_type: DataType) {
        self.graph.output.push(value_info(name, shape, data_type));
    }
}

/// An axis of an input or output.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    Named(&'static str),
    Fixed(usize),
}

fn header(name: &str, shape: &[usize], numbers: Numbers) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: shape.iter().map(|&d| d as i64).collect(),
        data_type: numbers.data_type().into(),
        ..TensorProto::default()
    }
}

fn value_info(name: &str, shape: &[Size], data_type: DataType) -> ValueInfoProto {
    let dim = shape
        .iter()
        .map(|size| Dimension {
            value: Some(match *size {
                Size::Named(name) => DimensionValue::DimParam(name.into()),
                Size::Fixed(n) => DimensionValue::DimValue(n as i64),
            }),
        })
        .collect();
    let tensor = type_proto::Tensor { elem_type: data_type.into(), shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)) }),
    }
}
