//! The forward pass of a BERT encoder as ONNX nodes.

use super::activation::add_activation;
use super::graph_builder::{Attribute, Axis, GraphBuilder, TensorValues};
use super::linear_weight::LinearWeight;
use crate::config::BertConfig;
use crate::convert::bert::{TASK_EMBEDDINGS, TOKEN_TYPE_EMBEDDINGS, WORD_EMBEDDINGS};
use crate::convert::checkpoint::Checkpoint;
use crate::convert::family::Family;
use crate::convert::lineage::TensorHashes;
use crate::convert::options::Dtype;
use crate::convert::quantize::quantize_rows;
use crate::convert::ranking::{CLASSIFIER, POOLER};
use crate::convert::shards::ShardWriter;
use crate::convert::vocabulary::KeptVocabulary;
use crate::encoder::onnx::pb::{DataType, GraphProto};
use crate::encoder::quantize::equalize::norm_magnitudes;
use crate::error::Result;
use crate::model::manifest::FileEntry;

/// Builds the graph and writes its weights to the shards.
///
/// The word embeddings are those of `vocabulary`. `more_layers` are the layers, besides the last one, whose hidden states the graph returns. Returns the
/// graph, the manifest entries of the shards, and the hashes of the tensors.
pub(super) fn build_graph(
    checkpoint: &Checkpoint,
    vocabulary: Option<&KeptVocabulary>,
    more_layers: &[usize],
    dtype: Dtype,
    shards: ShardWriter,
) -> Result<(GraphProto, Vec<FileEntry>, TensorHashes)> {
    let config = &checkpoint.config;
    let graph = GraphBuilder::new("bert", shards);
    let mut bert =
        BertGraph { config, checkpoint, vocabulary, dtype, graph, tensors: TensorHashes::default() };
    let tokens = [Axis::Named("batch"), Axis::Named("sequence")];
    for name in ["input_ids", "attention_mask", "token_type_ids"] {
        bert.graph.input(name, &tokens, DataType::Int64);
    }
    let mask = bert.mask();
    let mut hidden = bert.embeddings()?;
    for layer in 0..config.num_hidden_layers {
        hidden = bert.layer(layer, &hidden, &mask)?;
    }
    if let Some(labels) = checkpoint.labels {
        bert.classifier(&hidden)?;
        bert.graph.output("logits", &[tokens[0], Axis::Fixed(labels)], DataType::Float);
        return bert.finish();
    }
    let shape = [tokens[0], tokens[1], Axis::Fixed(config.hidden_size)];
    bert.graph.output(&hidden, &shape, DataType::Float);
    for &layer in more_layers {
        bert.graph.output(&bert.hidden_name(layer), &shape, DataType::Float);
    }
    if !more_layers.is_empty() {
        // The last layer also under its number: it shows a reader that knows the number of layers that
        // layer 0 is the embeddings.
        let numbered = format!("hidden_states.{}", config.num_hidden_layers);
        bert.graph.named_node(&format!("/{numbered}/Identity"), "Identity", &[&hidden], &numbered, &[]);
        bert.graph.output(&numbered, &shape, DataType::Float);
    }
    bert.finish()
}

struct BertGraph<'a, 's> {
    config: &'a BertConfig,
    checkpoint: &'a Checkpoint<'a>,
    /// The tokens whose embeddings are written. `None`: all.
    vocabulary: Option<&'a KeptVocabulary>,
    dtype: Dtype,
    graph: GraphBuilder<'s>,
    /// Hashes of the tensors before quantization.
    tensors: TensorHashes,
}

impl BertGraph<'_, '_> {
    fn finish(self) -> Result<(GraphProto, Vec<FileEntry>, TensorHashes)> {
        let (graph, shards) = self.graph.finish()?;
        Ok((graph, shards, self.tensors))
    }

    /// Returns the name of a layer's hidden states. Layer 0 is the embeddings.
    fn hidden_name(&self, layer: usize) -> String {
        if layer == self.config.num_hidden_layers {
            "last_hidden_state".into()
        } else {
            format!("hidden_states.{layer}")
        }
    }

    /// Adds the mask that is added to the attention scores, `[batch, 1, 1, sequence]`: 0 for a token and
    /// the lowest f32 for padding.
    fn mask(&mut self) -> String {
        let axes = self.graph.constant("attention_mask.axes", &[2], TensorValues::I64(&[1, 2]));
        let one = self.graph.constant("one", &[], TensorValues::F32(&[1.0]));
        let lowest = self.graph.constant("attention_mask.lowest", &[], TensorValues::F32(&[f32::MIN]));
        let mask = self.graph.node("/attention_mask", "Unsqueeze", &["attention_mask", &axes], &[]);
        let float =
            self.graph.node("/attention_mask", "Cast", &[&mask], &[Attribute::cast_to(DataType::Float)]);
        let padding = self.graph.node("/attention_mask", "Sub", &[&one, &float], &[]);
        self.graph.node("/attention_mask", "Mul", &[&padding, &lowest], &[])
    }

    fn embeddings(&mut self) -> Result<String> {
        let words = self.embedding(WORD_EMBEDDINGS, "input_ids", self.dtype)?;
        let types = self.embedding(TOKEN_TYPE_EMBEDDINGS, "token_type_ids", Dtype::F32)?;
        let ids = match self.checkpoint.family {
            Family::Bert | Family::Ernie { .. } => self.position_ids(),
            Family::Roberta => self.roberta_position_ids(),
        };
        let positions = self.embedding("embeddings.position_embeddings.weight", &ids, self.dtype)?;
        let sum = self.graph.node("/embeddings", "Add", &[&words, &types], &[]);
        let sum = self.graph.node("/embeddings", "Add", &[&sum, &positions], &[]);
        self.norm("embeddings.LayerNorm", &sum, &self.hidden_name(0))
    }

    /// Adds the positions `0, 1, 2, …` of the tokens, `[1, sequence]`.
    fn position_ids(&mut self) -> String {
        let all: Vec<i64> = (0..self.config.max_position_embeddings as i64).collect();
        let all = self.graph.constant("embeddings.position_ids", &[1, all.len()], TensorValues::I64(&all));
        let zero = self.graph.constant("embeddings.zero", &[1], TensorValues::I64(&[0]));
        let one = self.graph.constant("embeddings.one", &[1], TensorValues::I64(&[1]));
        let shape = self.graph.node("/embeddings", "Shape", &["input_ids"], &[]);
        let length = self.graph.node("/embeddings", "Gather", &[&shape, &one], &[Attribute::Int("axis", 0)]);
        self.graph.node("/embeddings", "Slice", &[&all, &zero, &length, &one], &[])
    }

    /// Adds RoBERTa's positions, `[batch, sequence]`: `pad_token_id + 1`, `+ 2`, … for the tokens that are not
    /// pad tokens, and `pad_token_id` for those that are.
    fn roberta_position_ids(&mut self) -> String {
        const AT: &str = "/embeddings/positions";
        let pad = [self.config.pad_token_id];
        let pad = self.graph.constant("embeddings.padding_idx", &[], TensorValues::I64(&pad));
        let axis = self.graph.constant("embeddings.token_axis", &[], TensorValues::I64(&[1]));
        let is_pad = self.graph.node(AT, "Equal", &["input_ids", &pad], &[]);
        let counts = self.graph.node(AT, "Not", &[&is_pad], &[]);
        let counts = self.graph.node(AT, "Cast", &[&counts], &[Attribute::cast_to(DataType::Int64)]);
        let count = self.graph.node(AT, "CumSum", &[&counts, &axis], &[]);
        let count = self.graph.node(AT, "Mul", &[&count, &counts], &[]);
        self.graph.node(AT, "Add", &[&count, &pad], &[])
    }

    /// Adds the lookup of rows in an embedding table.
    fn embedding(&mut self, name: &str, ids: &str, dtype: Dtype) -> Result<String> {
        let scope = scope(name.trim_end_matches(".weight"));
        let axis = [Attribute::Int("axis", 0)];
        let mut table = self.checkpoint.read(name)?;
        let hidden = self.config.hidden_size;
        if self.checkpoint.family.task_types().is_some() && name == TOKEN_TYPE_EMBEDDINGS {
            // Every token has task type 0, so its row is a part of each token type's row.
            let tasks = self.checkpoint.read(TASK_EMBEDDINGS)?;
            table.iter_mut().enumerate().for_each(|(i, x)| *x += tasks[i % hidden]);
        }
        self.tensors.add(name, &table);
        if let Some(vocabulary) = self.vocabulary.filter(|_| name == WORD_EMBEDDINGS) {
            table = vocabulary.rows(&table, hidden);
        }
        let rows = table.len() / hidden;
        if dtype == Dtype::F32 {
            let table = self.graph.weight(name, &[rows, hidden], TensorValues::F32(&table))?;
            return Ok(self.graph.node(&scope, "Gather", &[&table, ids], &axis));
        }
        let (values, scales) = quantize_rows(&table, hidden)?;
        drop(table);
        let table =
            self.graph.weight(&format!("{name}_quantized"), &[rows, hidden], TensorValues::I8(&values))?;
        let scales = self.graph.weight(&format!("{name}_scale"), &[rows, 1], TensorValues::F32(&scales))?;
        let values = self.graph.node(&scope, "Gather", &[&table, ids], &axis);
        let values = self.graph.node(&scope, "Cast", &[&values], &[Attribute::cast_to(DataType::Float)]);
        let scales = self.graph.node(&scope, "Gather", &[&scales, ids], &axis);
        Ok(self.graph.node(&scope, "Mul", &[&values, &scales], &[]))
    }

    fn layer(&mut self, layer: usize, x: &str, mask: &str) -> Result<String> {
        let module = format!("encoder.layer.{layer}");
        let norm = match layer.checked_sub(1) {
            Some(before) => format!("encoder.layer.{before}.output.LayerNorm"),
            None => "embeddings.LayerNorm".into(),
        };
        let context = self.attention(&format!("{module}.attention.self"), x, &norm, mask)?;
        let dense = self.linear(&format!("{module}.attention.output.dense"), &context, None)?;
        let sum = self.graph.node(&scope(&format!("{module}.attention.output")), "Add", &[&dense, x], &[]);
        let attended = format!("{module}.attention.output");
        let norm = format!("{module}.attention.output.LayerNorm");
        let attended = self.norm(&norm, &sum, &attended)?;
        let inner = self.linear(&format!("{module}.intermediate.dense"), &attended, Some(&norm))?;
        let at = scope(&format!("{module}.intermediate"));
        let inner = add_activation(&mut self.graph, self.checkpoint.activation, &at, &inner);
        let dense = self.linear(&format!("{module}.output.dense"), &inner, None)?;
        let sum = self.graph.node(&scope(&format!("{module}.output")), "Add", &[&dense, &attended], &[]);
        self.norm(&format!("{module}.output.LayerNorm"), &sum, &self.hidden_name(layer + 1))
    }

    fn attention(&mut self, module: &str, x: &str, norm: &str, mask: &str) -> Result<String> {
        let config = self.config;
        let (heads, width) = (config.num_attention_heads, config.hidden_size / config.num_attention_heads);
        let at = scope(module);
        let split = [0, 0, heads as i64, width as i64];
        let split = self.graph.constant("attention.heads", &[4], TensorValues::I64(&split));
        let join = self.graph.constant(
            "attention.join",
            &[3],
            TensorValues::I64(&[0, 0, config.hidden_size as i64]),
        );
        let root =
            self.graph.constant("attention.sqrt_width", &[], TensorValues::F32(&[(width as f32).sqrt()]));
        let mut head = |name: &str, order: [i64; 4]| -> Result<String> {
            let rows = self.linear(&format!("{module}.{name}"), x, Some(norm))?;
            let at = scope(&format!("{module}.{name}"));
            let rows = self.graph.node(&at, "Reshape", &[&rows, &split], &[]);
            Ok(self.graph.node(&at, "Transpose", &[&rows], &[Attribute::Ints("perm", &order)]))
        };
        let query = head("query", [0, 2, 1, 3])?;
        let key = head("key", [0, 2, 3, 1])?;
        let value = head("value", [0, 2, 1, 3])?;
        let scores = self.graph.node(&at, "MatMul", &[&query, &key], &[]);
        let scores = self.graph.node(&at, "Div", &[&scores, &root], &[]);
        let scores = self.graph.node(&at, "Add", &[&scores, mask], &[]);
        let weights = self.graph.node(&at, "Softmax", &[&scores], &[Attribute::Int("axis", -1)]);
        let context = self.graph.node(&at, "MatMul", &[&weights, &value], &[]);
        let context =
            self.graph.node(&at, "Transpose", &[&context], &[Attribute::Ints("perm", &[0, 2, 1, 3])]);
        Ok(self.graph.node(&at, "Reshape", &[&context, &join], &[]))
    }

    /// Adds `x · weightᵀ + bias`. `norm` is the LayerNorm that `x` comes from.
    fn linear(&mut self, module: &str, x: &str, norm: Option<&str>) -> Result<String> {
        let at = scope(module);
        let (name, bias) = (format!("{module}.weight"), format!("{module}.bias"));
        let weight = self.checkpoint.read(&name)?;
        let values = self.checkpoint.read(&bias)?;
        self.tensors.add(&name, &weight);
        self.tensors.add(&bias, &values);
        let magnitudes = match norm {
            Some(norm) => norm_magnitudes(
                &self.checkpoint.read(&format!("{norm}.weight"))?,
                &self.checkpoint.read(&format!("{norm}.bias"))?,
            )?,
            None => Vec::new(),
        };
        let inputs = weight.len() / values.len();
        let weight = LinearWeight { name: &name, inputs, values: &weight, magnitudes: &magnitudes };
        let product = weight.multiply(&mut self.graph, &at, x, self.dtype)?;
        let bias = self.graph.weight(&bias, &[values.len()], TensorValues::F32(&values))?;
        Ok(self.graph.node(&at, "Add", &[&product, &bias], &[]))
    }

    /// Adds the logits of each pair: `classifier(tanh(pooler(first row)))`. Both weights are f32 in every number type: they
    /// are small, and every score depends on all of them.
    fn classifier(&mut self, hidden: &str) -> Result<()> {
        let first = self.graph.constant("pooler.first_row", &[], TensorValues::I64(&[0]));
        let row = self.graph.node("/pooler", "Gather", &[hidden, &first], &[Attribute::Int("axis", 1)]);
        let dtype = std::mem::replace(&mut self.dtype, Dtype::F32);
        let dense = self.linear(POOLER, &row, None)?;
        let activated = self.graph.node("/pooler/activation", "Tanh", &[&dense], &[]);
        let logits = self.linear(CLASSIFIER, &activated, None)?;
        self.dtype = dtype;
        self.graph.named_node("/logits/Identity", "Identity", &[&logits], "logits", &[]);
        Ok(())
    }

    fn norm(&mut self, module: &str, x: &str, output: &str) -> Result<String> {
        let hidden = self.config.hidden_size;
        let (weight, bias) = (format!("{module}.weight"), format!("{module}.bias"));
        let mut add = |name: &str| {
            let values = self.checkpoint.read(name)?;
            self.tensors.add(name, &values);
            self.graph.weight(name, &[hidden], TensorValues::F32(&values))
        };
        let (weight, bias) = (add(&weight)?, add(&bias)?);
        let attributes =
            [Attribute::Int("axis", -1), Attribute::Float("epsilon", self.config.layer_norm_eps as f32)];
        let name = format!("{}/LayerNormalization", scope(module));
        self.graph.named_node(&name, "LayerNormalization", &[x, &weight, &bias], output, &attributes);
        Ok(output.into())
    }
}

/// Returns the scope of a module as PyTorch's exporter names nodes: `/encoder/layer.0/output` for
/// `encoder.layer.0.output`.
fn scope(module: &str) -> String {
    let mut path = String::with_capacity(module.len() + 1);
    for part in module.split('.') {
        let number = part.bytes().all(|b| b.is_ascii_digit());
        path.push(if number { '.' } else { '/' });
        path.push_str(part);
    }
    path
}
