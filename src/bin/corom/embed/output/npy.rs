//! Arrays of NumPy: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>, version 1.0.

use corom::error::Result;
use half::f16;

use super::{Encoder, Shape, Sink};
use crate::embed::row::Window;
use crate::embed::vectors::{VectorType, Vectors, quantize};

/// The header has a fixed size, because it is written again at the end, with the number of rows.
const HEADER_BYTES: usize = 128;
/// The files: vectors, ids and scales.
const VECTORS: usize = 0;
const IDS: usize = 1;
const SCALES: usize = 2;

/// `OUT` has the vectors, `[rows, dimension]`. `.ids.jsonl` has the id of each row, and with `int8` vectors
/// `.scales.npy` has the scale of each.
pub(super) struct Npy {
    dimension: usize,
    vector_type: VectorType,
}

impl Npy {
    /// Writes vectors of a shape.
    pub(super) fn new(shape: &Shape) -> Self {
        Self { dimension: shape.dimension, vector_type: shape.vector_type }
    }
}

impl Encoder for Npy {
    fn sidecars(&self) -> &'static [&'static str] {
        if self.vector_type == VectorType::Int8 { &["ids.jsonl", "scales.npy"] } else { &["ids.jsonl"] }
    }

    fn begin(&mut self, sink: &mut dyn Sink) -> Result<()> {
        sink.append(VECTORS, &[0; HEADER_BYTES])?;
        if self.vector_type == VectorType::Int8 {
            sink.append(SCALES, &[0; HEADER_BYTES])?;
        }
        Ok(())
    }

    fn write(&mut self, window: &Window, vectors: &Vectors, sink: &mut dyn Sink) -> Result<()> {
        let (mut bytes, mut scales) = (Vec::new(), Vec::new());
        let zeros = vec![0.0; self.dimension];
        for vector in vectors.rows(window) {
            let vector = vector.unwrap_or(&zeros);
            match self.vector_type {
                VectorType::F32 => bytes.extend(vector.iter().flat_map(|x| x.to_le_bytes())),
                VectorType::F16 => bytes.extend(vector.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes())),
                VectorType::Int8 => {
                    let (scale, numbers) = quantize(vector);
                    bytes.extend(numbers.map(|x| x as u8));
                    scales.extend(scale.to_le_bytes());
                }
            }
        }
        let mut ids = String::new();
        for row in &window.rows {
            ids += &row.id.as_ref().map_or_else(|| "null".to_owned(), |id| id.json());
            ids.push('\n');
        }
        sink.append(VECTORS, &bytes)?;
        sink.append(IDS, ids.as_bytes())?;
        if self.vector_type == VectorType::Int8 { sink.append(SCALES, &scales) } else { Ok(()) }
    }

    fn end(&mut self, rows: u64, sink: &mut dyn Sink) -> Result<()> {
        let word = match self.vector_type {
            VectorType::F32 => "<f4",
            VectorType::F16 => "<f2",
            VectorType::Int8 => "|i1",
        };
        sink.replace_start(VECTORS, &header(word, &format!("({rows}, {})", self.dimension)))?;
        if self.vector_type == VectorType::Int8 {
            sink.replace_start(SCALES, &header("<f4", &format!("({rows},)")))?;
        }
        Ok(())
    }
}

fn header(word: &str, shape: &str) -> Vec<u8> {
    let text = format!("{{'descr': '{word}', 'fortran_order': False, 'shape': {shape}, }}");
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend(((HEADER_BYTES - 10) as u16).to_le_bytes());
    header.extend(format!("{text:<width$}\n", width = HEADER_BYTES - 11).bytes());
    header
}
