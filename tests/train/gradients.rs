//! Compares gradients with finite differences, for some numbers of each parameter, with dropout and without.

use corom::train::{TrainOptions, Trainer};

use crate::tiny::{Case, Golden, SEED};

const STEP: f32 = 2e-3;

fn trainer<'a>(objective: &'a Golden, dropout: f32, max_tokens: usize) -> Trainer<'a> {
    let options =
        TrainOptions { epochs: 1, batch: 1, dropout, seed: SEED, max_tokens, ..TrainOptions::default() };
    Trainer::new(objective.case.model(), objective, options).unwrap()
}

#[test]
fn gradients_equal_finite_differences() {
    for case in Case::ALL {
        for dropout in [0.0, 0.2] {
            let objective = Golden::new(case);
            let mut trainer = trainer(&objective, dropout, 4096);
            let (_, gradients) = trainer.gradients().unwrap();
            let weights = trainer.model().weights().unwrap();
            assert_eq!(gradients.keys().collect::<Vec<_>>(), weights.keys().collect::<Vec<_>>());
            for (name, (_, numbers)) in weights {
                // The largest gradient of a parameter, and one in its middle.
                let gradient = &gradients[&name];
                if name.ends_with("attention.self.key.bias") || name == "classifier.bias" {
                    // Softmax ignores the same bias of all keys, or of all logits.
                    assert!(gradient.iter().all(|x| x.abs() < 1e-5), "{case:?}, {name}: {gradient:?}");
                }
                let largest = (0..gradient.len())
                    .max_by(|&a, &b| gradient[a].abs().total_cmp(&gradient[b].abs()))
                    .unwrap();
                for at in [largest, numbers.len() / 2] {
                    let mut loss_at = |value: f32| {
                        let mut changed = numbers.clone();
                        changed[at] = value;
                        trainer.model().set_weight(&name, changed).unwrap();
                        f64::from(trainer.gradients().unwrap().0)
                    };
                    let (up, down) = (loss_at(numbers[at] + STEP), loss_at(numbers[at] - STEP));
                    trainer.model().set_weight(&name, numbers.clone()).unwrap();
                    let expected = (up - down) / (2.0 * f64::from(STEP));
                    let found = f64::from(gradient[at]);
                    let tolerance = 2e-3 + 0.02 * expected.abs();
                    assert!(
                        (found - expected).abs() < tolerance,
                        "{case:?}, dropout {dropout}, {name}[{at}]: {found}, finite difference {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn gradients_do_not_depend_on_parts() {
    for case in Case::ALL {
        let objective = Golden::new(case);
        let (whole_loss, whole) = trainer(&objective, 0.1, 4096).gradients().unwrap();
        let (loss, parts) = trainer(&objective, 0.1, 10).gradients().unwrap();
        assert!((whole_loss - loss).abs() < 1e-5);
        for (name, gradient) in whole {
            for (a, b) in gradient.iter().zip(&parts[&name]) {
                assert!((a - b).abs() < 2e-5 * (1.0 + a.abs()), "{case:?}, {name}: {a} and {b}");
            }
        }
    }
}
