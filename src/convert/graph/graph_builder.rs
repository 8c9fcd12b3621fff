//! Builds an ONNX graph: nodes, constants and weights.

use std::fmt::Display;

use half::f16;

use crate::convert::shards::ShardWriter;
use crate::encoder::onnx::pb::{
    AttributeProto, AttributeType, DataLocation, DataType, Dimension, DimensionValue, GraphProto, NodeProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use crate::error::{Result, fail};
use crate::model::manifest::{FileEntry, MAX_SHARD_BYTES};

/// The domain of onnxruntime's own operators.
pub(super) const MICROSOFT: &str = "com.microsoft";
/// Smaller tensors are written to `model.onnx` itself.
const MIN_EXTERNAL_BYTES: usize = 1024;

/// The values of a tensor, row-major.
#[derive(Debug, Clone, Copy)]
pub(super) enum TensorValues<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
    I8(&'a [i8]),
    U8(&'a [u8]),
    I64(&'a [i64]),
}

impl TensorValues<'_> {
    fn data_type(self) -> DataType {
        match self {
            Self::F32(_) => DataType::Float,
            Self::F16(_) => DataType::Float16,
            Self::I8(_) => DataType::Int8,
            Self::U8(_) => DataType::Uint8,
            Self::I64(_) => DataType::Int64,
        }
    }

    /// Returns the number of bytes per value.
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

    /// Returns the little-endian bytes of the values `from..to`.
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
pub(super) enum Attribute<'a> {
    Int(&'a str, i64),
    Float(&'a str, f32),
    Ints(&'a str, &'a [i64]),
}

impl Attribute<'_> {
    /// Returns the attribute of a Cast to this type.
    pub(super) fn cast_to(data_type: DataType) -> Self {
        Self::Int("to", data_type as i64)
    }

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

/// A graph under construction. Large tensors are written to the shards as they are added.
pub(super) struct GraphBuilder<'a> {
    graph: GraphProto,
    shards: ShardWriter<'a>,
}

impl<'a> GraphBuilder<'a> {
    /// Starts an empty graph.
    pub(super) fn new(name: &str, shards: ShardWriter<'a>) -> Self {
        Self { graph: GraphProto { name: name.into(), ..GraphProto::default() }, shards }
    }

    /// Writes the last shard. Returns the graph and the manifest entries of all shards.
    ///
    /// # Errors
    /// `FETCH_FAILED` if the shard cannot be written.
    pub(super) fn finish(self) -> Result<(GraphProto, Vec<FileEntry>)> {
        Ok((self.graph, self.shards.finish()?))
    }

    /// Adds a node `{scope}/{op}` and returns the name of its output.
    pub(super) fn node(
        &mut self,
        scope: &str,
        op: &str,
        inputs: &[&str],
        attributes: &[Attribute],
    ) -> String {
        let mut name = format!("{scope}/{op}");
        for number in 1.. {
            if self.graph.node.iter().rev().all(|n| n.name != name) {
                break;
            }
            name = format!("{scope}/{op}_{number}");
        }
        let output = format!("{name}_output_0");
        self.named_node(&name, op, inputs, &output, attributes);
        output
    }

    /// Adds a node with an operator of [`MICROSOFT`] and returns the name of its output.
    pub(super) fn microsoft_node(
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

    /// Adds a node with a given name and a given name of its output.
    pub(super) fn named_node(
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

    /// Adds a small constant. A later call with the same name adds nothing and reuses the constant.
    pub(super) fn constant(&mut self, name: &str, shape: &[usize], values: TensorValues) -> String {
        if self.graph.initializer.iter().all(|t| t.name != name) {
            let mut tensor = header(name, shape, values);
            tensor.raw_data = values.bytes(0, values.len()).into();
            self.graph.initializer.push(tensor);
        }
        name.into()
    }

    /// Adds a weight. A large weight is written to the shards. A weight larger than a shard is written in
    /// parts of whole rows, which a Concat joins, because external data cannot span files.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if a 4-bit weight is larger than the shards that the caller wants,
    /// `UNSUPPORTED_MODEL` if it is larger than any shard, or a single row is, `FETCH_FAILED` if a shard cannot be
    /// written.
    pub(super) fn weight(&mut self, name: &str, shape: &[usize], values: TensorValues) -> Result<String> {
        let bytes = values.len() * values.size();
        if bytes < MIN_EXTERNAL_BYTES {
            return Ok(self.constant(name, shape, values));
        }
        let max_size = self.shards.max_size();
        if bytes <= max_size {
            self.external_tensor(name, shape, values, 0, values.len())?;
            return Ok(name.into());
        }
        if matches!(values, TensorValues::U8(_)) {
            // MatMulNBits takes its elements in one piece.
            let message = format!("the 4-bit weight `{name}` has {bytes} bytes, and is written in one file");
            if max_size < MAX_SHARD_BYTES {
                fail!(InvalidArgument, "maxShardSize: {max_size}; {message}");
            }
            fail!(UnsupportedModel, "{message} of at most {max_size} bytes; convert to int8");
        }
        let [rows, inner @ ..] = shape else { fail!(Internal, "`{name}` has no rows") };
        let row: usize = inner.iter().product();
        let rows_per_part = max_size / (row * values.size()).max(1);
        if rows_per_part == 0 {
            fail!(
                UnsupportedModel,
                "`{name}`: one row has {} bytes; a weight file has at most {max_size}",
                row * values.size()
            );
        }
        let mut parts = Vec::new();
        for (i, first) in (0..*rows).step_by(rows_per_part).enumerate() {
            let last = rows.min(&(first + rows_per_part)).to_owned();
            let part = format!("{name}.{i}");
            let shape = [&[last - first], inner].concat();
            self.external_tensor(&part, &shape, values, first * row, last * row)?;
            parts.push(part);
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.named_node(&format!("{name}/Concat"), "Concat", &parts, name, &[Attribute::Int("axis", 0)]);
        Ok(name.into())
    }

    fn external_tensor(
        &mut self,
        name: &str,
        shape: &[usize],
        values: TensorValues,
        from: usize,
        to: usize,
    ) -> Result<()> {
        let location = self.shards.append(&values.bytes(from, to))?;
        let mut tensor = header(name, shape, values);
        tensor.data_location = Some(DataLocation::External.into());
        let entry = |key: &str, value: &dyn Display| StringStringEntryProto {
            key: key.into(),
            value: value.to_string(),
        };
        tensor.external_data = vec![
            entry("location", &location.file),
            entry("offset", &location.offset),
            entry("length", &location.length),
        ];
        self.graph.initializer.push(tensor);
        Ok(())
    }

    /// Declares an input of the graph.
    pub(super) fn input(&mut self, name: &str, shape: &[Axis], data_type: DataType) {
        self.graph.input.push(value_info(name, shape, data_type));
    }

    /// Declares an output of the graph.
    pub(super) fn output(&mut self, name: &str, shape: &[Axis], data_type: DataType) {
        self.graph.output.push(value_info(name, shape, data_type));
    }
}

/// The size of an axis of an input or output.
#[derive(Debug, Clone, Copy)]
pub(super) enum Axis {
    Named(&'static str),
    Fixed(usize),
}

fn header(name: &str, shape: &[usize], values: TensorValues) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: shape.iter().map(|&d| d as i64).collect(),
        data_type: values.data_type().into(),
        ..TensorProto::default()
    }
}

fn value_info(name: &str, shape: &[Axis], data_type: DataType) -> ValueInfoProto {
    let dim = shape
        .iter()
        .map(|axis| Dimension {
            value: Some(match *axis {
                Axis::Named(name) => DimensionValue::DimParam(name.into()),
                Axis::Fixed(n) => DimensionValue::DimValue(n as i64),
            }),
        })
        .collect();
    let tensor = type_proto::Tensor { elem_type: data_type.into(), shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)) }),
    }
}
