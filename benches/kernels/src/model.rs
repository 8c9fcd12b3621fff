//! A whole BERT that calls the kernels as the ops of a graph do. It measures the time per text, which includes the
//! effects of the kernels on each other's caches.

use super::EQUALIZED;
use super::encoder::cpu::kernels::Scratch;
use super::encoder::cpu::kernels::add_norm::LayerNorm;
use super::encoder::cpu::kernels::attention::{Qkv, StridedRows, attention};
use super::encoder::cpu::kernels::embed::{Embed, EmbeddingTable};
use super::encoder::quantize::int4::{BLOCK_I4, quantize_block_i4};
use super::encoder::quantize::int8::{ColumnMax, quantize_rows_i8};
use super::encoder::cpu::kernels::linear::{Kernel, Linear, PackF32, PackI4, PackI8};
use super::encoder::cpu::kernels::select_rows::first_rows;
use super::encoder::spec::AttentionSpec;
use super::encoder::spec::{Activation, LinearSpec, WeightOrder};

/// The sizes of a model.
#[derive(Clone, Copy)]
pub struct Shape {
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub ffn: usize,
    pub vocabulary: usize,
    pub positions: usize,
}

/// The precision of the weights, and the kernel.
#[derive(Clone, Copy)]
pub struct Precision {
    /// 8, 4 or 32.
    pub bits: u32,
    pub kernel: Kernel,
}

struct Layer {
    qkv: Linear,
    output: Linear,
    norm: LayerNorm,
    up: Linear,
    down: Linear,
    last_norm: LayerNorm,
}

pub struct Model {
    shape: Shape,
    kernel: Kernel,
    embed: Embed,
    layers: Vec<Layer>,
    scratch: Scratch,
    buffers: [Vec<f32>; 4],
}

/// Returns the values of a weight, `[outputs, inputs]`, by its name and length.
pub type Source<'a> = &'a mut dyn FnMut(&str, usize) -> Vec<f32>;

fn linear(at: Precision, spec: LinearSpec, weights: &[f32], bias: Vec<f32>) -> Linear {
    if at.bits >= EQUALIZED {
        let factors = (0..spec.inputs).map(|k| 1.0 + (k % 7) as f32 / 8.0).collect();
        let at = Precision { bits: at.bits - EQUALIZED, ..at };
        return linear(at, spec, weights, bias).with_input_factors(factors);
    }
    match at.bits {
        8 => {
            let mut max = ColumnMax::new(spec, WeightOrder::OutIn).unwrap();
            max.update(0, weights.iter().copied());
            let mut pack = PackI8::new(spec, at.kernel, max.into_scales(), bias).unwrap();
            pack.put_f32(WeightOrder::OutIn, 0, weights.iter().copied()).unwrap();
            pack.finish()
        }
        4 => {
            let mut pack = PackI4::new(spec, at.kernel, bias).unwrap();
            for (n, row) in weights.chunks_exact(spec.inputs).enumerate() {
                for (b, block) in row.chunks(BLOCK_I4).enumerate() {
                    pack.put_block(n, b, &quantize_block_i4(block));
                }
            }
            pack.finish()
        }
        _ => {
            let mut pack = PackF32::new(spec, at.kernel, bias).unwrap();
            pack.put(WeightOrder::OutIn, 0, weights);
            pack.finish()
        }
    }
}

impl Model {
    pub fn new(shape: Shape, at: Precision, source: Source<'_>) -> Self {
        let Shape { hidden, ffn, .. } = shape;
        let mut part = |name: &str, inputs: usize, outputs: usize, activation| {
            let weights = source(&format!("{name}.weight"), inputs * outputs);
            let bias = source(&format!("{name}.bias"), outputs);
            linear(at, LinearSpec { inputs, outputs, activation }, &weights, bias)
        };
        let mut layers = Vec::new();
        for i in 0..shape.layers {
            let name = |part: &str| format!("encoder.layer.{i}.{part}");
            let qkv = part(&name("qkv"), hidden, 3 * hidden, Activation::None);
            let output = part(&name("attention.output.dense"), hidden, hidden, Activation::None);
            let up = part(&name("intermediate.dense"), hidden, ffn, Activation::Gelu);
            let down = part(&name("output.dense"), ffn, hidden, Activation::None);
            layers.push((qkv, output, up, down));
        }
        let mut norm = |name: &str| {
            LayerNorm::new(source(&format!("{name}.weight"), hidden), source(&format!("{name}.bias"), hidden), 1e-12)
        };
        let layers = layers.into_iter().enumerate().map(|(i, (qkv, output, up, down))| {
            let first = norm(&format!("encoder.layer.{i}.attention.output.LayerNorm"));
            let last_norm = norm(&format!("encoder.layer.{i}.output.LayerNorm"));
            Layer { qkv, output, norm: first, up, down, last_norm }
        });
        let layers = layers.collect();
        let norm = norm("embeddings.LayerNorm");
        let mut table = |name: &str, rows: usize| source(&format!("embeddings.{name}.weight"), rows * hidden);
        let word = table("word_embeddings", shape.vocabulary);
        let word = if at.bits == 32 {
            EmbeddingTable::f32(hidden, word)
        } else {
            let (q, scales) = quantize_rows_i8(&word, hidden).unwrap();
            EmbeddingTable::i8(hidden, q, scales)
        };
        let position = EmbeddingTable::f32(hidden, table("position_embeddings", shape.positions));
        let token_type = EmbeddingTable::f32(hidden, table("token_type_embeddings", 2));
        let embed = Embed::new(word, Some(token_type), Some(position), norm);
        Self { shape, kernel: at.kernel, embed, layers, scratch: Scratch::new(), buffers: Default::default() }
    }

    /// Returns the bytes of the weights.
    #[allow(dead_code)]
    pub fn bytes(&self) -> usize {
        let linears = self.layers.iter().flat_map(|l| [&l.qkv, &l.output, &l.up, &l.down]);
        self.embed.bytes() + linears.map(Linear::bytes).sum::<usize>()
    }

    /// Returns the CLS row of each sequence. The last layer computes nothing else.
    pub fn forward(&mut self, ids: &[u32], cu_seqlens: &[usize]) -> Vec<f32> {
        let Shape { hidden, ffn, heads, .. } = self.shape;
        let (tokens, sequences) = (ids.len(), cu_seqlens.len() - 1);
        let [x, wide, context, y] = &mut self.buffers;
        x.resize(tokens * hidden, 0.0);
        self.embed.forward(ids, &vec![0; tokens], cu_seqlens, x).expect("ids in range");
        let last = self.layers.len() - 1;
        for (i, layer) in self.layers.iter().enumerate() {
            let mut spec = AttentionSpec::new(hidden, heads);
            wide.resize(tokens * 3 * hidden, 0.0);
            layer.qkv.forward(x, tokens, wide, &mut self.scratch);
            let mut qkv = Qkv::fused(wide, hidden);
            let mut rows = tokens;
            let mut first_queries = Vec::new();
            if i == last {
                // A graph has a Linear of its own for the queries of the last layer.
                first_queries.resize(sequences * 3 * hidden, 0.0);
                first_rows(wide, 3 * hidden, cu_seqlens, &mut first_queries);
                qkv.q = StridedRows::new(&first_queries, 3 * hidden);
                (rows, spec.first_row_only) = (sequences, true);
                let mut first = vec![0.0; sequences * hidden];
                first_rows(x, hidden, cu_seqlens, &mut first);
                *x = first;
            }
            context.resize(rows * hidden, 0.0);
            attention(&spec, qkv, cu_seqlens, self.kernel, context, &mut self.scratch);
            y.resize(rows * hidden, 0.0);
            layer.output.forward(context, rows, y, &mut self.scratch);
            layer.norm.add_norm(x, y);
            wide.resize(rows * ffn, 0.0);
            layer.up.forward(x, rows, wide, &mut self.scratch);
            layer.down.forward(wide, rows, y, &mut self.scratch);
            layer.last_norm.add_norm(x, y);
        }
        x.clone()
    }
}
