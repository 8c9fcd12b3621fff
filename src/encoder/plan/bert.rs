//! Reads a plan as a BERT: which op is which module of the model, and its weights as a checkpoint has them.
//!
//! A layer is recognized by the values that its ops read, never by their order in the plan:
//!
//! ```text
//! h = AddNorm(Linear(Linear+activation(a)), a)     a = AddNorm(Linear(Attention(q, k, v)), x)
//! q, k, v = Linear(x)                              x = the layer before, or Embed
//! ```
//!
//! A `SelectRows` in the last layer only drops rows that CLS pooling does not need, so it is skipped. A cross-encoder has
//! `classifier(tanh(pooler(h)))` after the last layer.

use super::op::{LinearOp, NormWeights, PlanOp, PositionTable, TokenTypeTable, ValueId};
use super::tensor::TensorData;
use super::weight::Matrix;
use super::weight_values::{linear_bias, linear_weight, matrix_values, vector_values};
use super::{Outputs, Plan};
use crate::encoder::reserve::{try_filled, try_with_capacity};
use crate::encoder::spec::{Activation, AttentionSpec, PositionRule};
use crate::error::{Result, fail};

/// The modules of a BERT encoder, as a plan has them.
#[derive(Debug)]
pub(crate) struct BertPlan {
    word: Matrix,
    token_type: Option<TokenTypeTable>,
    /// A table whose first row is added to every token.
    constant: Option<Matrix>,
    position: Option<PositionTable>,
    norm: NormWeights,
    /// In the order of the forward pass.
    layers: Vec<BertLayer>,
    /// The reduction by which the graph makes one row per text. `None`: it returns hidden states.
    pub(crate) pooling: Option<PlanPooling>,
    /// The layers of a cross-encoder after the last layer, in the order of [`ClassifierLinear`].
    classifier: Option<[LinearOp; 2]>,
}

/// The pooling of a graph that pools by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlanPooling {
    /// True if the vector is the mean of a text's rows. Otherwise it is the first row.
    pub(crate) is_mean: bool,
    /// True if each vector is divided by its L2 norm.
    pub(crate) normalize: bool,
}

#[derive(Debug)]
struct BertLayer {
    /// The Linear modules in the order of [`BertLinear`].
    linears: [LinearOp; 6],
    attention: AttentionSpec,
    attention_norm: NormWeights,
    output_norm: NormWeights,
}

/// The Linear modules of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BertLinear {
    Query,
    Key,
    Value,
    AttentionOutput,
    Intermediate,
    Output,
}

/// The Linear modules after the encoder of a cross-encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClassifierLinear {
    /// The one that tanh follows.
    Pooler,
    /// The one that returns the logits.
    Classifier,
}

/// The LayerNorms of an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BertNorm {
    Embeddings,
    /// The one after the attention of a layer.
    Attention(usize),
    /// The one at the end of a layer.
    Output(usize),
}

/// A tensor of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BertTensor {
    /// `[vocabulary, hidden]`.
    Words,
    /// `[positions, hidden]`.
    Positions,
    /// `[token types, hidden]`.
    TokenTypes,
    /// `[outputs, inputs]`.
    Weight(usize, BertLinear),
    /// `[outputs]`.
    Bias(usize, BertLinear),
    /// `[outputs, inputs]`.
    ClassifierWeight(ClassifierLinear),
    /// `[outputs]`.
    ClassifierBias(ClassifierLinear),
    /// `[hidden]`.
    Gamma(BertNorm),
    /// `[hidden]`.
    Beta(BertNorm),
}

/// The sizes and settings that the graph shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BertSizes {
    pub(crate) vocabulary: usize,
    pub(crate) hidden: usize,
    /// Rows of the position table. Rows that no token reads do not count. `None`: the graph adds no positions.
    pub(crate) positions: Option<usize>,
    /// The numbering of positions.
    pub(crate) position_rule: PositionRule,
    /// `None`: the graph adds no token types, or the row of type 0 to every token.
    pub(crate) token_types: Option<usize>,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) intermediate: usize,
    pub(crate) eps: f32,
    pub(crate) activation: Activation,
    /// The number of logits of a cross-encoder. `None`: the graph embeds texts.
    pub(crate) labels: Option<usize>,
}

impl BertPlan {
    /// Recognizes the modules. Returns `None` for a plan that is not a chain of BERT layers.
    pub(crate) fn read(plan: &Plan) -> Option<Self> {
        let mut classifier = None;
        let (mut value, pooling) = match &plan.outputs {
            Outputs::Scores { value, .. } => {
                let (linears, hidden) = read_classifier(plan, *value)?;
                classifier = Some(linears);
                (hidden, None)
            }
            Outputs::Hidden(values) => (*values.last()?, None),
            Outputs::Pooled(value) => {
                let (mut value, mut normalize, mut is_mean) = (*value, false, false);
                if let PlanOp::Normalize { x, .. } = plan.ops[value] {
                    (value, normalize) = (x, true);
                }
                if let PlanOp::MeanRows { x, .. } = plan.ops[value] {
                    (value, is_mean) = (x, true);
                }
                (value, Some(PlanPooling { is_mean, normalize }))
            }
        };
        let mut layers = Vec::new();
        loop {
            value = skip_selection(plan, value);
            if let PlanOp::Embed(embed) = &plan.ops[value] {
                let embed = (**embed).clone();
                layers.reverse();
                return Some(Self {
                    word: embed.word,
                    token_type: embed.token_type,
                    constant: embed.constant,
                    position: embed.position,
                    norm: embed.norm,
                    layers,
                    pooling,
                    classifier,
                });
            }
            let (layer, input) = read_layer(plan, value)?;
            layers.push(layer);
            value = input;
        }
    }

    /// Returns the sizes and settings, or `None` if they differ between layers.
    pub(crate) fn sizes(&self) -> Option<BertSizes> {
        let first = self.layers.first()?;
        let [vocabulary, hidden] = self.word.used();
        let intermediate = &first.linears[BertLinear::Intermediate as usize].spec;
        let sizes = BertSizes {
            vocabulary,
            hidden,
            positions: self
                .position
                .as_ref()
                .map(|of| of.table.used()[0].saturating_sub(unread_rows(of.rule))),
            position_rule: self.position.as_ref().map(|of| of.rule).unwrap_or_default(),
            token_types: self
                .token_type
                .as_ref()
                .filter(|types| !types.always_zero)
                .map(|types| types.table.used()[0]),
            layers: self.layers.len(),
            heads: first.attention.heads,
            intermediate: intermediate.outputs,
            eps: self.norm.eps,
            activation: intermediate.activation,
            labels: self.classifier.as_ref().map(|[_, classifier]| classifier.spec.outputs),
        };
        let tables = [
            self.token_type.as_ref().map(|types| &types.table),
            self.constant.as_ref(),
            self.position.as_ref().map(|of| &of.table),
        ];
        let same_width = tables.into_iter().flatten().all(|table| table.used()[1] == hidden);
        let fits = |layer: &BertLayer| {
            let BertSizes { intermediate, eps, activation, heads, .. } = sizes;
            let shapes = layer.linears.each_ref().map(|linear| (linear.spec.inputs, linear.spec.outputs));
            let (square, up) = ((hidden, hidden), (hidden, intermediate));
            shapes == [square, square, square, square, up, (intermediate, hidden)]
                && layer.linears[BertLinear::Intermediate as usize].spec.activation == activation
                && layer.attention.heads == heads
                && layer.attention_norm.eps == eps
                && layer.output_norm.eps == eps
        };
        let classifier_fits = self.classifier.as_ref().is_none_or(|[pooler, classifier]| {
            (pooler.spec.inputs, pooler.spec.outputs, classifier.spec.inputs) == (hidden, hidden, hidden)
        });
        (same_width && classifier_fits && self.layers.iter().all(fits)).then_some(sizes)
    }

    /// Reads a tensor, row-major and in the shape of [`BertTensor`]. `load` returns the elements of a weight by
    /// its index among the graph's `weights`.
    ///
    /// A graph without positions or without token types has tables of `rows` zeros. A graph that gives every
    /// token type 0 has a table of `rows` equal rows.
    ///
    /// # Errors
    /// `INVALID_MODEL` for a number that is not finite, `OUT_OF_MEMORY`, and the errors of `load`.
    pub(crate) fn tensor(
        &self,
        tensor: BertTensor,
        rows: usize,
        weights: usize,
        load: &dyn Fn(usize) -> Result<TensorData>,
    ) -> Result<Vec<f32>> {
        let hidden = self.norm.width;
        let read = |matrix: &Matrix| matrix_values(matrix, weights, load);
        let values = match tensor {
            BertTensor::Words => read(&self.word)?,
            BertTensor::Positions => match &self.position {
                Some(of) => read(&of.table)?.split_off(unread_rows(of.rule).saturating_mul(hidden)),
                None => try_filled(rows.saturating_mul(hidden), 0.0, "a table of zeros")?,
            },
            BertTensor::TokenTypes => {
                let mut values = match &self.token_type {
                    Some(types) if types.always_zero => {
                        let all = read(&types.table)?;
                        let mut repeated = try_with_capacity(rows.saturating_mul(hidden), "a table")?;
                        (0..rows).for_each(|_| repeated.extend_from_slice(&all[..hidden]));
                        repeated
                    }
                    Some(types) => read(&types.table)?,
                    None => try_filled(rows.saturating_mul(hidden), 0.0, "a table of zeros")?,
                };
                if let Some(constant) = &self.constant {
                    let constant = read(constant)?;
                    values.iter_mut().zip(constant[..hidden].iter().cycle()).for_each(|(x, c)| *x += c);
                }
                values
            }
            BertTensor::Weight(layer, module) => {
                let mut values = linear_weight(self.linear(layer, module), weights, load)?;
                self.scale_query(layer, module, &mut values);
                values
            }
            BertTensor::Bias(layer, module) => {
                let mut values = linear_bias(self.linear(layer, module), weights, load)?;
                self.scale_query(layer, module, &mut values);
                values
            }
            BertTensor::ClassifierWeight(module) => linear_weight(self.after(module)?, weights, load)?,
            BertTensor::ClassifierBias(module) => linear_bias(self.after(module)?, weights, load)?,
            BertTensor::Gamma(norm) => vector_values(&self.norm_of(norm).gamma, hidden, weights, load)?,
            BertTensor::Beta(norm) => vector_values(&self.norm_of(norm).beta, hidden, weights, load)?,
        };
        if values.iter().any(|x| !x.is_finite()) {
            fail!(InvalidModel, "a weight of the graph is not finite: its file is damaged");
        }
        Ok(values)
    }

    fn linear(&self, layer: usize, module: BertLinear) -> &LinearOp {
        &self.layers[layer].linears[module as usize]
    }

    fn after(&self, module: ClassifierLinear) -> Result<&LinearOp> {
        match &self.classifier {
            Some(linears) => Ok(&linears[module as usize]),
            None => fail!(Internal, "the graph has no classifier"),
        }
    }

    fn norm_of(&self, norm: BertNorm) -> &NormWeights {
        match norm {
            BertNorm::Embeddings => &self.norm,
            BertNorm::Attention(layer) => &self.layers[layer].attention_norm,
            BertNorm::Output(layer) => &self.layers[layer].output_norm,
        }
    }

    /// Moves a scale of the attention scores other than `1 / √head_size` into the queries.
    fn scale_query(&self, layer: usize, module: BertLinear, values: &mut [f32]) {
        let spec = &self.layers[layer].attention;
        let ratio = (f64::from(spec.scale) * (spec.head_size as f64).sqrt()) as f32;
        if module == BertLinear::Query && (ratio - 1.0).abs() > 1e-5 {
            values.iter_mut().for_each(|x| *x *= ratio);
        }
    }
}

/// Returns the number of rows at the start of the position table that no token reads. A rule with a skipped id
/// keeps all rows: RoBERTa's configuration counts them.
fn unread_rows(rule: PositionRule) -> usize {
    if rule.skipped_id.is_some() { 0 } else { rule.first }
}

/// Returns the value whose rows a selection of first rows takes, or the value itself.
fn skip_selection(plan: &Plan, mut value: ValueId) -> ValueId {
    while let PlanOp::SelectRows { x, .. } = plan.ops[value] {
        value = x;
    }
    value
}

/// Reads `classifier(tanh(pooler(x)))`, of which `value` is the result. Also returns `x`.
fn read_classifier(plan: &Plan, value: ValueId) -> Option<([LinearOp; 2], ValueId)> {
    let linear = |value: ValueId, activation: Activation| match &plan.ops[value] {
        PlanOp::Linear(linear) if linear.spec.activation == activation => Some((**linear).clone()),
        _ => None,
    };
    let classifier = linear(value, Activation::None)?;
    let pooler = linear(classifier.x, Activation::Tanh)?;
    let hidden = pooler.x;
    Some(([pooler, classifier], hidden))
}

/// Reads the layer that ends at `value`. Also returns the value that the layer reads.
fn read_layer(plan: &Plan, value: ValueId) -> Option<(BertLayer, ValueId)> {
    let linear = |value: ValueId, activated: bool| match &plan.ops[skip_selection(plan, value)] {
        PlanOp::Linear(linear) => {
            let is_activated =
                matches!(linear.spec.activation, Activation::Gelu | Activation::GeluTanh | Activation::Relu);
            let fits = is_activated == activated && (activated || linear.spec.activation == Activation::None);
            fits.then(|| (**linear).clone())
        }
        _ => None,
    };
    let is = |a: ValueId, b: ValueId| skip_selection(plan, a) == skip_selection(plan, b);

    let (dense, attended, output_norm) = add_norm(plan, value, |dense, residual| {
        let output = linear(dense, false)?;
        let intermediate = linear(output.x, true)?;
        is(intermediate.x, residual).then_some((output, intermediate))
    })?;
    let (output, intermediate) = dense;
    let (attention, input, attention_norm) = add_norm(plan, attended, |dense, residual| {
        let projection = linear(dense, false)?;
        let PlanOp::Attention { q, k, v, spec } = plan.ops[skip_selection(plan, projection.x)] else {
            return None;
        };
        let heads = [linear(q, false)?, linear(k, false)?, linear(v, false)?];
        heads.iter().all(|head| is(head.x, residual)).then_some((projection, heads, spec))
    })?;
    let (projection, [query, key, value], attention) = attention;
    let linears = [query, key, value, projection, intermediate, output];
    Some((BertLayer { linears, attention, attention_norm, output_norm }, input))
}

/// Reads `LayerNorm(dense + residual)`, in either order. `read` recognizes the dense part. Returns the dense part
/// and the residual.
fn add_norm<T>(
    plan: &Plan,
    value: ValueId,
    read: impl Fn(ValueId, ValueId) -> Option<T>,
) -> Option<(T, ValueId, NormWeights)> {
    let PlanOp::AddNorm { a, b, norm } = &plan.ops[skip_selection(plan, value)] else { return None };
    let of = |dense: ValueId, residual: ValueId| read(dense, residual).map(|found| (found, residual));
    let (found, residual) = of(*a, *b).or_else(|| of(*b, *a))?;
    Some((found, residual, norm.clone()))
}
