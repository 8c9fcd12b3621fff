//! Runs a training in a folder: saves its state, evaluates after each epoch, writes curves and the checkpoint.
//!
//! | file | contents |
//! |---|---|
//! | the checkpoint | after each epoch, see `checkpoint.rs` |
//! | `training/state.safetensors` | from here a killed training resumes |
//! | `training/losses.tsv`, `training/loss.svg` | the loss of each step |
//! | `training/measures.tsv`, `training/mrr.svg` | MRR@10 after each epoch |
//!
//! A file appears complete or not at all: it is written beside its place and renamed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::curve::curve;
use super::distillation::distilled_checkpoint;
use super::history::Measured;
use super::model::Model;
use super::trainer::Trainer;
use crate::error::{Error, ErrorCode, Result, fail};
use crate::lineage::Lineage;

const TRAINING: &str = "training";
const STATE: &str = "state.safetensors";
/// The time between two saves. A save takes a second for a hundred million weights.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);

/// Evaluates a model.
pub type Evaluate<'a> = &'a dyn Fn(&Model) -> Result<f64>;

/// The folder of a training.
pub struct RunFolder {
    path: PathBuf,
    settings: String,
    save_interval: Duration,
    teacher: Option<Lineage>,
}

/// An event of a training, for whoever watches it.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainEvent {
    /// Steps are done: how many, of how many, and the last loss.
    Step {
        /// The steps that are done.
        done: usize,
        /// The steps of the whole training.
        of: usize,
        /// The loss of the last one.
        loss: f32,
        /// The seconds that this run has computed.
        seconds: f64,
        /// The steps that this run has done.
        own: usize,
    },
    /// An epoch was evaluated.
    Measured(Measured),
}

impl RunFolder {
    /// Names the folder. `settings` describes the training: one that resumes must have the same.
    pub fn new(path: &Path, settings: String) -> Self {
        Self { path: path.to_owned(), settings, save_interval: SAVE_INTERVAL, teacher: None }
    }

    /// Sets the time between two saves of the state; 60 seconds.
    pub fn set_save_interval(&mut self, interval: Duration) {
        self.save_interval = interval;
    }

    /// Names the teacher of a distillation, which the checkpoint states.
    pub fn set_teacher(&mut self, teacher: Lineage) {
        self.teacher = Some(teacher);
    }

    /// Prepares the folder: with `resume` the trainer takes up the state in it, if there is one. Returns the number of
    /// steps that are done.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the folder is not empty and `resume` is false, or the state belongs to another training;
    /// `FETCH_FAILED` if the folder cannot be read or written.
    pub fn open(&self, trainer: &mut Trainer, resume: bool) -> Result<usize> {
        let state = self.training(STATE);
        if resume {
            match fs::read(&state) {
                Ok(bytes) => trainer.resume(&bytes, &self.settings)?,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(io_error(&state, error)),
            }
        } else if fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_some()) {
            fail!(
                InvalidArgument,
                "{} is not empty; --resume goes on with the training in it, or choose another folder",
                self.path.display()
            );
        }
        let folder = self.path.join(TRAINING);
        fs::create_dir_all(&folder).map_err(|error| io_error(&folder, error))?;
        Ok(trainer.step_count())
    }

    /// Trains to the end.
    ///
    /// # Errors
    /// The errors of [`Trainer::step`] and of `evaluate`, and `FETCH_FAILED` if a file cannot be written.
    pub fn run(
        &self,
        trainer: &mut Trainer,
        evaluate: Option<Evaluate>,
        on_event: &mut dyn FnMut(&TrainEvent),
    ) -> Result<()> {
        let (total, per_epoch) = (trainer.total_steps(), trainer.steps_per_epoch());
        let (mut seconds, mut own, mut saved) = (0.0, 0, Instant::now());
        loop {
            let done = trainer.step_count();
            let epoch = done / per_epoch;
            let is_measured = trainer.history.measures.iter().any(|measured| measured.epoch == epoch);
            if done > 0 && done.is_multiple_of(per_epoch) && !is_measured {
                // The state first: an evaluation may take long.
                self.save(trainer)?;
                if let Some(evaluate) = evaluate {
                    let measured = Measured { epoch, step: done, mrr: evaluate(&trainer.model)? };
                    trainer.history.measures.push(measured.clone());
                    on_event(&TrainEvent::Measured(measured));
                }
                self.write_checkpoint(&trainer.model)?;
                self.save(trainer)?;
                saved = Instant::now();
            }
            if done >= total {
                return Ok(());
            }
            let started = Instant::now();
            let loss = trainer.step()?;
            let elapsed = started.elapsed().as_secs_f64();
            trainer.history.seconds += elapsed;
            seconds += elapsed;
            own += 1;
            if saved.elapsed() >= self.save_interval {
                self.save(trainer)?;
                saved = Instant::now();
            }
            on_event(&TrainEvent::Step { done: done + 1, of: total, loss, seconds, own });
        }
    }

    fn save(&self, trainer: &Trainer) -> Result<()> {
        let history = trainer.history();
        let losses: Vec<(f64, f64)> =
            history.losses.iter().enumerate().map(|(at, &loss)| ((at + 1) as f64, f64::from(loss))).collect();
        let measures: Vec<(f64, f64)> = history.measures.iter().map(|m| (m.epoch as f64, m.mrr)).collect();
        let name = trainer.objective.name();
        write(&self.training("losses.tsv"), history.losses_tsv().as_bytes())?;
        write(&self.training("loss.svg"), curve(&format!("Loss, {name}"), "step", &losses).as_bytes())?;
        if !measures.is_empty() {
            write(&self.training("measures.tsv"), history.measures_tsv().as_bytes())?;
            write(
                &self.training("mrr.svg"),
                curve(&format!("MRR@10, {name}"), "epoch", &measures).as_bytes(),
            )?;
        }
        write(&self.training(STATE), &trainer.save(&self.settings)?)
    }

    fn write_checkpoint(&self, model: &Model) -> Result<()> {
        let files = match &self.teacher {
            Some(teacher) => distilled_checkpoint(model, teacher)?,
            None => model.checkpoint()?,
        };
        for (path, bytes) in files {
            let path = self.path.join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(|error| io_error(folder, error))?;
            }
            write(&path, &bytes)?;
        }
        Ok(())
    }

    fn training(&self, name: &str) -> PathBuf {
        self.path.join(TRAINING).join(name)
    }
}

/// Writes a file beside its place and renames it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let write = || {
        fs::write(&part, bytes)?;
        fs::rename(&part, path)
    };
    write().map_err(|error| io_error(path, error))
}

fn io_error(path: &Path, error: std::io::Error) -> Error {
    Error::with_source(ErrorCode::FetchFailed, format!("{}: {error}", path.display()), error)
}
