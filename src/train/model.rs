//! The model that is trained: a BERT, and what makes one row of its hidden states.

use std::collections::BTreeMap;

use candle_core::{Result as CandleResult, Tensor};

use super::bert::{Activation, Bert, Padded, first_rows, mean_rows};
use super::dropout::{Dropout, Site};
use super::failure::computation_failed;
use super::linear_layer::LinearLayer;
use super::parameters::{Numbers, Parameters};
use crate::config::{BertConfig, Pooling};
use crate::convert::{StartingPoint, encoder_shapes};
use crate::error::{Result, fail};
use crate::prompts::{PromptChoice, Prompts};
use crate::similarity::Metric;
use crate::tokenizer::{Encoding, Tokenizer};

/// The name of a distilled model's last layer.
pub(super) const PROJECTION: &str = "projection";
const POOLER: &str = "pooler.dense";
const CLASSIFIER: &str = "classifier";

/// The way from hidden states to one row per text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The vector of a text, `[hidden]`: the first row, or the mean of the rows.
    Vector(Pooling),
    /// The vector of a text through a linear layer, `[dimension]`.
    Projected(Pooling, usize),
    /// The logit of a pair, `[1]`: a linear layer with tanh and a linear layer, over the first row.
    Logit,
}

/// A model with its tokenizer and its settings.
pub struct Model {
    config: BertConfig,
    tokenizer: Tokenizer,
    tokenizer_json: String,
    output: Output,
    /// True if vectors are normalized after the last layer, which the loss does not see.
    pub(super) normalize: bool,
    pub(super) metric: Metric,
    pub(super) prompts: Prompts,
    parameters: Parameters,
    bert: Bert,
    head: Vec<LinearLayer>,
}

impl Model {
    /// Takes a model to train further. Layers of the output that `start` does not have begin with random weights.
    ///
    /// # Errors
    /// `INVALID_CONFIG` for an activation function that is not supported, `UNSUPPORTED_MODEL` for a pooling that leaves out
    /// the tokens of a prompt.
    pub fn new(start: StartingPoint, output: Output, seed: u64) -> Result<Self> {
        let StartingPoint {
            config, tokenizer, tokenizer_json, mut tensors, normalize, metric, prompts, ..
        } = start;
        if !prompts.include_prompt && prompts.by_name.values().any(|prompt| !prompt.is_empty()) {
            fail!(
                UnsupportedModel,
                "the model's pooling leaves out its prompts, which the training does not have"
            );
        }
        let mut parameters = Parameters::default();
        let mut shapes: Vec<(String, Vec<usize>)> = encoder_shapes(&config);
        shapes.extend(output.shapes(config.hidden_size));
        for (name, shape) in shapes {
            match tensors.remove(&name).filter(|(stored, _)| *stored == shape) {
                Some(numbers) => parameters.insert(&name, numbers)?,
                None => parameters.insert_random(&name, shape, seed)?,
            }
        }
        let activation = match config.hidden_act.as_str() {
            "gelu" | "gelu_python" => Activation::Gelu,
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Activation::GeluTanh,
            "relu" => Activation::Relu,
            other => fail!(InvalidConfig, "config.json: hidden_act `{other}` is not supported in training"),
        };
        let bert = Bert::new(&parameters, &config, activation).map_err(computation_failed)?;
        let head = output.layers().iter().map(|name| LinearLayer::new(&parameters, name));
        let head = head.collect::<CandleResult<_>>().map_err(computation_failed)?;
        Ok(Self {
            config,
            tokenizer,
            tokenizer_json,
            output,
            normalize,
            metric,
            prompts,
            parameters,
            bert,
            head,
        })
    }

    /// Returns the configuration of the encoder.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// Returns how hidden states become rows.
    pub fn output(&self) -> Output {
        self.output
    }

    /// Returns the tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    pub(super) fn tokenizer_json(&self) -> &str {
        &self.tokenizer_json
    }

    pub(super) fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the number of weights.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// Returns the weights by name: shape and numbers, row-major.
    ///
    /// # Errors
    /// `INTERNAL` if they cannot be read.
    pub fn weights(&self) -> Result<BTreeMap<String, Numbers>> {
        let numbers = |(name, var): (&str, &candle_core::Var)| {
            let numbers = Parameters::numbers(var).map_err(computation_failed)?;
            Ok((name.to_owned(), (var.dims().to_vec(), numbers)))
        };
        self.parameters.iter().map(numbers).collect()
    }

    /// Replaces the numbers of a weight, row-major.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if there is no such weight or it has another size.
    pub fn set_weight(&self, name: &str, numbers: Vec<f32>) -> Result<()> {
        let var = self.parameters.get(name).ok().filter(|var| var.elem_count() == numbers.len());
        let Some(var) = var else {
            fail!(InvalidArgument, "the model has no weight `{name}` with {} numbers", numbers.len());
        };
        Parameters::set(&var, numbers).map_err(computation_failed)
    }

    /// Tokenizes a query, with the model's prompt for queries.
    ///
    /// # Errors
    /// The errors of [`Tokenizer::encode`].
    pub fn encode_query(&self, text: &str) -> Result<Encoding> {
        self.encode(text, &PromptChoice::Query)
    }

    /// Tokenizes a passage, with the model's prompt for documents.
    ///
    /// # Errors
    /// The errors of [`Tokenizer::encode`].
    pub fn encode_passage(&self, text: &str) -> Result<Encoding> {
        self.encode(text, &PromptChoice::Document)
    }

    fn encode(&self, text: &str, prompt: &PromptChoice) -> Result<Encoding> {
        match self.prompts.resolve(prompt)? {
            "" => self.tokenizer.encode(text),
            prompt => self.tokenizer.encode(&format!("{prompt}{text}")),
        }
    }

    /// Computes the rows of padded texts, `[B, width]`.
    pub(super) fn rows(&self, batch: &Padded, dropout: Option<Dropout>) -> CandleResult<Tensor> {
        let hidden = self.bert.forward(batch, dropout)?;
        let pooled = match self.output {
            Output::Vector(Pooling::Mean) | Output::Projected(Pooling::Mean, _) => {
                mean_rows(&hidden, &batch.mask)?
            }
            _ => first_rows(&hidden)?,
        };
        match (&self.output, &self.head[..]) {
            (Output::Logit, [pooler, classifier]) => {
                let mut pooled = pooler.forward(&pooled)?.tanh()?;
                if let Some(dropout) = dropout {
                    pooled =
                        dropout.hidden(&pooled.unsqueeze(1)?, &batch.texts, Site::Classifier)?.squeeze(1)?;
                }
                classifier.forward(&pooled)
            }
            (_, [projection]) => projection.forward(&pooled),
            _ => Ok(pooled),
        }
    }
}

impl Output {
    /// Returns the linear layers after the pooling.
    fn layers(self) -> &'static [&'static str] {
        match self {
            Self::Vector(_) => &[],
            Self::Projected(..) => &[PROJECTION],
            Self::Logit => &[POOLER, CLASSIFIER],
        }
    }

    /// Returns the names and shapes of the tensors after the pooling.
    fn shapes(self, hidden: usize) -> Vec<(String, Vec<usize>)> {
        let outputs = |name: &str| match (self, name) {
            (Self::Projected(_, dimension), _) => dimension,
            (_, CLASSIFIER) => 1,
            _ => hidden,
        };
        let both = |name: &&str| {
            [
                (format!("{name}.weight"), vec![outputs(name), hidden]),
                (format!("{name}.bias"), vec![outputs(name)]),
            ]
        };
        self.layers().iter().flat_map(both).collect()
    }
}
