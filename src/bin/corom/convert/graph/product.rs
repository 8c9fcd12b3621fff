//! `x · weightᵀ`, the weight in each of the number types.

use corom::encoder::onnx::pb::DataType;
use corom::encoder::quantize::int4::BLOCK_I4;
use corom::error::Result;
use half::f16;

use super::builder::{Attribute, Builder, Numbers};
use super::encoder::cast_to;
use crate::convert::Dtype;
use crate::convert::quantize::{per_block, per_row, transpose};

/// A Linear's weight, `[out, in]` as PyTorch has it.
pub(super) struct Weight<'a> {
    /// `encoder.layer.0.output.dense.weight`
    pub(super) name: &'a str,
    /// Numbers of a row.
    pub(super) inputs: usize,
    /// Row by row.
    pub(super) values: &'a [f32],
}

impl Weight<'_> {
    /// Adds the nodes and returns the product's name.
    pub(super) fn multiply(&self, graph: &mut Builder, at: &str, x: &str, dtype: Dtype) -> Result<String> {
        match dtype {
            Dtype::F32 => {
                let weight = transpose(self.values, self.inputs);
                let weight = graph.weight(self.name, &self.turned(), Numbers::F32(&weight))?;
                Ok(graph.node(at, "MatMul", &[x, &weight], &[]))
            }
            Dtype::Int8 => self.int8(graph, at, x),
            Dtype::Int4 => self.int4(graph, at, x),
        }
    }

    /// `[in, out]`: what MatMul takes.
    fn turned(&self) -> [usize; 2] {
        [self.inputs, self.outputs()]
    }

    fn outputs(&self) -> usize {
        self.values.len() / self.inputs
    }

    fn int8(&self, graph: &mut Builder, at: &str, x: &str) -> Result<String> {
        let (numbers, scales) = per_row(self.values, self.inputs)?;
        let numbers = transpose(&numbers, self.inputs);
        let numbers = graph.weight(&self.part("quantized"), &self.turned(), Numbers::I8(&numbers))?;
        let scales = graph.weight(&self.part("scale"), &[scales.len()], Numbers::F32(&scales))?;
        let node = format!("{at}/DequantizeLinear");
        let axis = [Attribute::Int("axis", 1)];
        graph.named_node(&node, "DequantizeLinear", &[&numbers, &scales], self.name, &axis);
        Ok(graph.node(at, "MatMul", &[x, self.name], &[]))
    }

    fn int4(&self, graph: &mut Builder, at: &str, x: &str) -> Result<String> {
        let (inputs, outputs) = (self.inputs, self.outputs());
        let blocks = inputs.div_ceil(BLOCK_I4);
        let weight = per_block(self.values, inputs);
        let shape = [outputs, blocks, BLOCK_I4 / 2];
        let numbers = graph.weight(&self.part("quantized"), &shape, Numbers::U8(&weight.numbers))?;
        let scales = scales(graph, at, &self.part("scale"), &[outputs, blocks], &weight.scales)?;
        let shape = [outputs, blocks.div_ceil(2)];
        let zeros = graph.weight(&self.part("zero_point"), &shape, Numbers::U8(&weight.zeros))?;
        let attributes = [
            Attribute::Int("K", inputs as i64),
            Attribute::Int("N", outputs as i64),
            Attribute::Int("bits", 4),
            Attribute::Int("block_size", BLOCK_I4 as i64),
        ];
        Ok(graph.microsoft_node(at, "MatMulNBits", &[x, &numbers, &scales, &zeros], &attributes))
    }

    fn part(&self, what: &str) -> String {
        format!("{}_{what}", self.name)
    }
}

/// MatMulNBits wants scales of its input's type, f32. They lie in the file as half floats, which a Cast
/// widens, unless there is one that is no half float.
fn scales(graph: &mut Builder, at: &str, name: &str, shape: &[usize], scales: &[f32]) -> Result<String> {
    let halves: Vec<u16> = scales.iter().map(|scale| f16::from_f32(*scale).to_bits()).collect();
    if halves.iter().zip(scales).any(|(half, scale)| f16::from_bits(*half).to_f32() != *scale) {
        return graph.weight(name, shape, Numbers::F32(scales));
    }
    let halves = graph.weight(name, shape, Numbers::F16(&halves))?;
    Ok(graph.node(at, "Cast", &[&halves], &[cast_to(DataType::Float)]))
}
