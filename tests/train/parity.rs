//! Compares 20 steps with PyTorch's: losses within 1e-5, weights within 1e-4, with and without dropout.

use std::fs;

use corom::train::{TrainOptions, Trainer};
use safetensors::SafeTensors;

use crate::tiny::{Case, Golden, SEED};

const STEPS: usize = 20;

fn options(dropout: bool, max_tokens: usize) -> TrainOptions {
    TrainOptions {
        epochs: STEPS,
        batch: 1,
        learning_rate: 1e-3,
        warm_up: 0.1,
        weight_decay: 0.01,
        dropout: if dropout { 0.1 } else { 0.0 },
        seed: SEED,
        max_tokens,
    }
}

/// Trains and compares. `max_tokens` decides whether a step is computed at once or in parts.
fn compare(case: Case, dropout: bool, max_tokens: usize) {
    let suffix = if dropout { "-dropout" } else { "" };
    let name = format!("{}{suffix}", format!("{case:?}").to_lowercase());
    let bytes = fs::read(format!("tests/fixtures/train/{name}.safetensors")).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let losses: Vec<f64> = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["losses"]).unwrap();
    let objective = Golden::new(case);
    let mut trainer = Trainer::new(case.model(), &objective, options(dropout, max_tokens)).unwrap();
    for (step, expected) in losses.iter().enumerate() {
        objective.step.set(step);
        let loss = f64::from(trainer.step().unwrap());
        let difference = (loss - expected).abs() / expected.abs().max(1.0);
        assert!(difference <= 1e-5, "{name}, step {step}: {loss}, PyTorch {expected}");
    }
    assert_eq!(losses.len(), STEPS);
    let golden = SafeTensors::deserialize(&bytes).unwrap();
    let weights = trainer.model().weights().unwrap();
    assert_eq!(weights.len(), golden.len());
    for (tensor, (shape, numbers)) in weights {
        let view = golden.tensor(&tensor).unwrap();
        assert_eq!(view.shape(), shape, "{tensor}");
        // Softmax ignores the same bias of all keys, or of all logits: its gradient is rounding alone, which AdamW scales to
        // whole steps.
        if tensor.ends_with("attention.self.key.bias") || tensor == "classifier.bias" {
            continue;
        }
        for (ours, bytes) in numbers.iter().zip(view.data().as_chunks::<4>().0) {
            let theirs = f32::from_le_bytes(*bytes);
            assert!((ours - theirs).abs() <= 1e-4, "{name}, {tensor}: {ours}, PyTorch {theirs}");
        }
    }
}

#[test]
fn steps_equal_pytorchs_without_dropout() {
    Case::ALL.into_iter().for_each(|case| compare(case, false, 4096));
}

#[test]
fn steps_equal_pytorchs_with_dropout() {
    Case::ALL.into_iter().for_each(|case| compare(case, true, 4096));
}

#[test]
fn steps_in_parts_equal_pytorchs() {
    // 20 tokens: two or three texts per part.
    Case::ALL.into_iter().for_each(|case| compare(case, true, 20));
}
