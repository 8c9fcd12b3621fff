//! The stored tensors that a fused graph is made of, while they arrive: each is kept until the
//! last step that needs it is packed, then dropped.

use std::ops::Range;

use super::room;
use crate::encoder::matcher::{
    EmbedStep, LinearStep, Matrix, NormStep, Quantization, Step, TensorRef, Vector,
};
use crate::encoder::onnx::TensorData;
use crate::error::{Error, ErrorCode, Result};

/// TensorData by the weight's place in the graph.
#[derive(Debug)]
pub(super) struct Store {
    numbers: Vec<Option<TensorData>>,
    /// Steps that have yet to be packed from it.
    users: Vec<usize>,
}

impl Store {
    /// No number is there yet.
    pub(super) fn new(weights: usize, steps: &[Step]) -> Self {
        let mut users = vec![0; weights];
        for step in steps {
            needs(step).into_iter().for_each(|weight| users[weight] += 1);
        }
        Self { numbers: (0..weights).map(|_| None).collect(), users }
    }

    /// Whether a weight is still to come.
    pub(super) fn wants(&self, weight: usize) -> bool {
        self.users[weight] > 0 && self.numbers[weight].is_none()
    }

    /// Takes a weight over.
    pub(super) fn put(&mut self, weight: usize, numbers: TensorData) {
        if self.users[weight] > 0 {
            self.numbers[weight] = Some(numbers);
        }
    }

    /// Whether all that a step needs is there.
    pub(super) fn has_all(&self, step: &Step) -> bool {
        needs(step).into_iter().all(|weight| self.numbers[weight].is_some())
    }

    /// A step is packed: what nobody else needs goes.
    pub(super) fn release(&mut self, step: &Step) {
        for weight in needs(step) {
            self.users[weight] -= 1;
            if self.users[weight] == 0 {
                self.numbers[weight] = None;
            }
        }
    }

    /// TensorData of a stored tensor, to look at.
    pub(super) fn with<T>(&self, tensor: &TensorRef, look: impl FnOnce(&TensorData) -> T) -> Result<T> {
        match tensor {
            TensorRef::Weight(weight) => {
                self.numbers[*weight].as_ref().map(look).ok_or_else(|| internal("a weight is not there"))
            }
            TensorRef::Constant(tensor) => {
                let numbers = TensorData::of(tensor).ok_or_else(|| internal("a constant is no weight"))?;
                Ok(look(&numbers))
            }
        }
    }

    /// TensorData of a stored tensor, for good where no other step needs them.
    pub(super) fn take(&mut self, tensor: &TensorRef) -> Result<TensorData> {
        if let TensorRef::Weight(weight) = tensor
            && self.users[*weight] == 1
            && let Some(numbers) = self.numbers[*weight].take()
        {
            return Ok(numbers);
        }
        self.with(tensor, |numbers| {
            drop(room::list::<u8>(numbers.bytes(), "a copy of a weight that several steps share")?);
            Ok(numbers.clone())
        })?
    }

    /// `len` numbers of a vector.
    pub(super) fn vector(&self, vector: &Vector, len: usize) -> Result<Vec<f32>> {
        match vector {
            Vector::Uniform(x) => Ok(vec![*x; len]),
            Vector::Stored { tensor, part, .. } => {
                let all = self.with(tensor, |numbers| numbers.clone().into_f32())?;
                let range = part.clone().unwrap_or(0..all.len());
                match all.get(range) {
                    Some([one]) => Ok(vec![*one; len]),
                    Some(part) if part.len() == len => Ok(part.to_vec()),
                    _ => Err(internal("a vector has another length than its place")),
                }
            }
        }
    }

    /// The product of vectors, `len` numbers, of which `part` are wanted.
    pub(super) fn product(
        &self,
        vectors: &[Vector],
        len: usize,
        part: Option<&Range<usize>>,
    ) -> Result<Vec<f32>> {
        let mut product = vec![1.0; len];
        for vector in vectors {
            for (have, by) in product.iter_mut().zip(self.vector(vector, len)?) {
                *have *= by;
            }
        }
        Ok(match part {
            Some(part) => product[part.clone()].to_vec(),
            None => product,
        })
    }
}

pub(super) fn internal(what: &str) -> Error {
    Error::new(ErrorCode::Internal, format!("the fused graph cannot be packed: {what}"))
}

/// The weights that a step is made of, as often as it uses them.
pub(super) fn needs(step: &Step) -> Vec<usize> {
    let mut tensors: Vec<&TensorRef> = Vec::new();
    match step {
        Step::Embed(embed) => {
            let EmbedStep { word, token_type, position, norm: n } = &**embed;
            let tables = [Some(word), token_type.as_ref().map(|(t, _)| t), position.as_ref()];
            tables.into_iter().flatten().for_each(|table| matrix(table, &mut tensors));
            norm(n, &mut tensors);
        }
        Step::Linear(linear) => {
            let LinearStep { weight, bias, .. } = &**linear;
            matrix(weight, &mut tensors);
            bias.iter().for_each(|bias| vector(bias, &mut tensors));
        }
        Step::AddNorm { norm: n, .. } => norm(n, &mut tensors),
        _ => {}
    }
    tensors
        .into_iter()
        .filter_map(|tensor| if let TensorRef::Weight(w) = tensor { Some(*w) } else { None })
        .collect()
}

fn norm<'a>(norm: &'a NormStep, tensors: &mut Vec<&'a TensorRef>) {
    vector(&norm.gamma, tensors);
    vector(&norm.beta, tensors);
}

fn vector<'a>(vector: &'a Vector, tensors: &mut Vec<&'a TensorRef>) {
    if let Vector::Stored { tensor, .. } = vector {
        tensors.push(tensor);
    }
}

fn matrix<'a>(matrix: &'a Matrix, tensors: &mut Vec<&'a TensorRef>) {
    tensors.extend(&matrix.parts);
    match &matrix.quantization {
        Quantization::Affine { scale, zero, .. } => scale.iter().chain(zero).for_each(|v| vector(v, tensors)),
        Quantization::Blockwise { scale, zero, .. } => {
            [Some(scale), zero.as_ref()].into_iter().flatten().for_each(|v| vector(v, tensors));
        }
    }
}
