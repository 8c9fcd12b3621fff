//! Random changes to an ONNX graph that keep the file a valid protobuf message. `encoder_corrupt.rs` makes a fixed
//! sequence of changes; the fuzz target `onnx` uses the same changes as its mutator.

use corom::encoder::onnx::pb::{GraphProto, NodeProto, TensorProto};

/// xorshift64: the same sequence in every run.
pub struct Random(u64);

impl Random {
    /// Starts a sequence. A state of 0 would stay 0, so the lowest bit is set.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Returns a number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// Values for attributes and integer tensors that have revealed defects before.
const EXTREME_INTEGERS: [i64; 16] =
    [0, 1, -1, 2, -2, 3, 4, 5, 7, 8, 63, 1 << 20, 1 << 31, 1 << 40, i64::MAX, i64::MIN];

/// ONNX type numbers that initializers of BERT exports have.
const DATA_TYPES: [i32; 8] = [1, 2, 3, 6, 7, 9, 10, 11];
const INT64: i32 = 7;

/// Makes one random change to a node or an initializer and returns a description of it.
pub fn mutate(graph: &mut GraphProto, random: &mut Random) -> String {
    if graph.node.is_empty() {
        return "no node to change".to_owned();
    }
    let at = random.below(graph.node.len());
    let other = random.below(graph.node.len());
    let kind = random.below(11);
    let number = EXTREME_INTEGERS[random.below(EXTREME_INTEGERS.len())];
    if kind == 8 && !graph.initializer.is_empty() {
        return mutate_initializer(graph, random, number);
    }
    let donor = graph.node[other].clone();
    let node = &mut graph.node[at];
    let label = format!("node {at} ({}), kind {kind}, number {number}", node.op_type);
    match kind {
        0 | 1 => redirect_input(node, &donor, other < at, random),
        2 => node.op_type = donor.op_type,
        3 => drop(node.input.pop()),
        4 => node.input.extend(donor.input.first().cloned()),
        5 => {
            for attribute in &mut node.attribute {
                attribute.i = number;
                attribute.ints.fill(number);
            }
        }
        6 => drop(node.attribute.pop()),
        7 => {
            for tensor in node.attribute.iter_mut().filter_map(|a| a.t.as_mut()) {
                if tensor.data_type == INT64 {
                    fill_int64(tensor, number);
                }
            }
        }
        9 => drop(graph.node.remove(at)),
        _ => node.attribute = donor.attribute,
    }
    label
}

/// Makes an input of a node read another tensor, which an earlier node computes.
fn redirect_input(node: &mut NodeProto, donor: &NodeProto, donor_is_earlier: bool, random: &mut Random) {
    if node.input.is_empty() {
        return;
    }
    let slot = random.below(node.input.len());
    let source = if donor_is_earlier { donor.output.first() } else { donor.input.first() };
    if let Some(name) = source {
        node.input[slot].clone_from(name);
    }
}

fn mutate_initializer(graph: &mut GraphProto, random: &mut Random, number: i64) -> String {
    let which = random.below(graph.initializer.len());
    let tensor = &mut graph.initializer[which];
    match random.below(4) {
        0 => tensor.dims.reverse(),
        1 => tensor.dims.push(1),
        2 => tensor.dims = vec![tensor.dims.iter().fold(1, |product, dim| product.wrapping_mul(*dim))],
        _ if tensor.data_type == INT64 => fill_int64(tensor, number),
        _ => tensor.data_type = DATA_TYPES[random.below(DATA_TYPES.len())],
    }
    format!("initializer {which} ({}), number {number}", tensor.name)
}

fn fill_int64(tensor: &mut TensorProto, number: i64) {
    let count = tensor.raw_data.len() / 8;
    tensor.raw_data = std::iter::repeat_n(number.to_le_bytes(), count).flatten().collect();
}
