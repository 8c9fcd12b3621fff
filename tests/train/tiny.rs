//! A tiny BERT whose weights and texts follow from the formulas of `tests/python/make_train.py`.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use corom::config::{BertConfig, Pooling};
use corom::convert::{StartingPoint, encoder_shapes};
use corom::prompts::Prompts;
use corom::similarity::Metric;
use corom::tokenizer::{Encoding, Tokenizer};
use corom::train::{Batch, Draw, Model, Objective, Output};

pub const HIDDEN: usize = 16;
pub const TEACHER: usize = 6;
pub const SEED: u64 = 9;

pub fn config() -> BertConfig {
    let json = format!(
        r#"{{"vocab_size": 50, "hidden_size": {HIDDEN}, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 32, "max_position_embeddings": 16}}"#
    );
    BertConfig::from_json(json.as_bytes()).unwrap()
}

fn start(output: Output) -> StartingPoint {
    let json = std::fs::read("tests/fixtures/bits/int8/tokenizer.json").unwrap();
    let mut shapes = encoder_shapes(&config());
    let linears: &[(&str, usize)] = match output {
        Output::Vector(_) => &[],
        Output::Projected(..) => &[("projection", TEACHER)],
        Output::Logit => &[("pooler.dense", HIDDEN), ("classifier", 1)],
    };
    for (name, outputs) in linears {
        shapes.push((format!("{name}.weight"), vec![*outputs, HIDDEN]));
        shapes.push((format!("{name}.bias"), vec![*outputs]));
    }
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let base = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
        let value = |i| (base + 0.2 * (1.0 + 0.37 * i as f64 + name.len() as f64).sin()) as f32;
        let numbers = (0..shape.iter().product::<usize>()).map(value).collect();
        (name, (shape, numbers))
    };
    StartingPoint {
        config: config(),
        tokenizer: Tokenizer::from_json(&json, 16, 326).unwrap(),
        tokenizer_json: String::from_utf8(json).unwrap(),
        tensors: shapes.into_iter().map(tensor).collect::<BTreeMap<_, _>>(),
        pooling: Pooling::Cls.into(),
        has_head: false,
        normalize: false,
        metric: Metric::Dot,
        prompts: Prompts::default(),
    }
}

/// Returns the text with a number of a step; the second half of a pair has type 1.
fn text(step: usize, number: usize, is_pair: bool) -> Encoding {
    let length = 3 + (step + 5 * number) % 7;
    Encoding {
        input_ids: (0..length).map(|token| (5 + (31 * step + 17 * number + 7 * token) % 45) as u32).collect(),
        token_type_ids: (0..length).map(|token| u32::from(is_pair && token >= length / 2)).collect(),
        truncated: false,
        unknown: 0,
    }
}

/// The three cases of the golden files. The batch of a step is that of the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Retrieval,
    Ranking,
    Distillation,
}

impl Case {
    pub const ALL: [Self; 3] = [Self::Retrieval, Self::Ranking, Self::Distillation];

    pub fn model(self) -> Model {
        let output = match self {
            Self::Retrieval => Output::Vector(Pooling::Cls),
            Self::Ranking => Output::Logit,
            Self::Distillation => Output::Projected(Pooling::Mean, TEACHER),
        };
        Model::new(start(output), output, SEED).unwrap()
    }
}

/// Counts the steps itself: an epoch is one step of one example.
pub struct Golden {
    pub case: Case,
    pub step: std::cell::Cell<usize>,
}

impl Golden {
    pub fn new(case: Case) -> Self {
        Self { case, step: std::cell::Cell::new(0) }
    }
}

impl Objective for Golden {
    fn name(&self) -> &'static str {
        "golden"
    }

    fn examples(&self) -> usize {
        1
    }

    fn batch(&self, _: &Model, _: &[usize], _: &mut Draw) -> corom::error::Result<Batch> {
        let step = self.step.get();
        let (examples, texts) = match self.case {
            Case::Retrieval => (4, 16),
            Case::Ranking => (3, 12),
            Case::Distillation => (5, 5),
        };
        let is_pair = self.case == Case::Ranking;
        Ok(Batch {
            examples: (0..examples).collect(),
            texts: (0..texts).map(|number| text(step, number, is_pair)).collect(),
        })
    }

    fn loss(&self, rows: &Tensor, batch: &Batch) -> candle_core::Result<Tensor> {
        let (examples, texts) = (batch.examples.len(), batch.texts.len());
        match self.case {
            Case::Retrieval => corom::train::retrieval_loss(
                &rows.narrow(0, 0, examples)?,
                &rows.narrow(0, examples, texts - examples)?,
            ),
            Case::Ranking => corom::train::ranking_loss(&rows.reshape((examples, texts / examples))?),
            Case::Distillation => {
                let step = self.step.get() as f64;
                let numbers: Vec<f32> =
                    (0..examples * TEACHER).map(|i| (0.7 * i as f64 + step).cos() as f32).collect();
                let teacher = Tensor::from_vec(numbers, (examples, TEACHER), &Device::Cpu)?;
                corom::train::distillation_loss(rows, &teacher)
            }
        }
    }
}
