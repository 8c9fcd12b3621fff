//! Embeds on a GPU and times shaders alone, driven by `../peers/gpu/native.mjs`. Reads commands from standard input, fields
//! separated by tabs, and writes a line of JSON per command.
//!
//! | command | line |
//! |---|---|
//! | `adapter` | the GPU |
//! | `peak FILE OPERATIONS SAMPLE_MS ROUNDS` | GFLOP/s of each round of a shader that takes its number of steps |
//! | `product FILE TILE SIZE ROUNDS` | GFLOP/s of each round of a square product, whose sums are checked first |
//! | `open NAME FOLDER DEVICE QUALITY THREADS` | facts of the model; DEVICE is `cpu` or `gpu` |
//! | `embed NAME TEXT…` | milliseconds |
//! | `vectors NAME TEXT…` | the vectors |
//! | `ids NAME TEXT…` | the token ids |
//! | `fallback NAME` | why the processor runs the model, or null |
//!
//! An emulated GPU counts if the variable `COROM_GPU_SOFTWARE` is set.

mod shader;

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use corom::config::Pooling;
use corom::embedder::Embedder;
use corom::encoder::gpu::{GpuDevice, GpuOptions};
use corom::encoder::{KernelChoice, Precision};
use corom::model::{LoadOptions, folder};
use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

const MAX_LENGTH: usize = 128;

fn main() -> Fallible<()> {
    let mut bench = Bench::default();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        // An error is an answer too: the driver says which command failed.
        let answer = bench.answer(&fields).unwrap_or_else(|error| json!({ "error": error.to_string() }));
        let mut out = io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

#[derive(Default)]
struct Bench {
    models: HashMap<String, Embedder>,
    gpu: Option<GpuDevice>,
    shaders: Option<shader::Device>,
}

impl Bench {
    fn answer(&mut self, fields: &[&str]) -> Fallible<Value> {
        Ok(match fields {
            ["adapter"] => self.shaders()?.describe(),
            ["peak", file, operations, sample_ms, rounds] => {
                let code = std::fs::read_to_string(file)?;
                let (sample_ms, rounds) = (sample_ms.parse()?, rounds.parse()?);
                json!(self.shaders()?.peak(&code, operations.parse()?, sample_ms, rounds)?)
            }
            ["product", file, tile, size, rounds] => {
                let code = std::fs::read_to_string(file)?;
                json!(self.shaders()?.product(&code, tile.parse()?, size.parse()?, rounds.parse()?)?)
            }
            ["open", name, folder, device, quality, threads] => {
                let embedder = self.open(Path::new(folder), *device == "gpu", quality, threads.parse()?)?;
                let info = embedder.encoder().info().clone();
                self.models.insert((*name).to_owned(), embedder);
                json!({ "backend": info.backend, "kernel": info.kernel, "device": info.device, "fallback": info.fallback })
            }
            ["embed", name, texts @ ..] => {
                let model = self.model(name)?;
                let start = Instant::now();
                model.embed(texts)?;
                json!(start.elapsed().as_secs_f64() * 1e3)
            }
            ["vectors", name, texts @ ..] => {
                let model = self.model(name)?;
                let vectors = model.embed(texts)?;
                json!(vectors.chunks(model.dimension()).collect::<Vec<_>>())
            }
            ["ids", name, texts @ ..] => {
                let model = self.model(name)?;
                let ids: Result<Vec<_>, _> =
                    texts.iter().map(|text| model.tokenize(text).map(|tokens| tokens.ids)).collect();
                json!(ids?)
            }
            ["fallback", name] => json!(self.model(name)?.encoder().info().fallback),
            _ => return Err(format!("unknown command: {}", fields.join(" ")).into()),
        })
    }

    fn shaders(&mut self) -> Fallible<&shader::Device> {
        if self.shaders.is_none() {
            self.shaders = Some(shader::Device::open()?);
        }
        self.shaders.as_ref().ok_or_else(|| "there is no GPU".into())
    }

    fn model(&mut self, name: &str) -> Fallible<&mut Embedder> {
        self.models.get_mut(name).ok_or_else(|| format!("{name} is not open").into())
    }

    fn open(&mut self, model: &Path, on_gpu: bool, quality: &str, threads: usize) -> Fallible<Embedder> {
        let (precision, kernel) = match quality {
            "exact" => (Precision::Auto, KernelChoice::Exact),
            "balanced" => (Precision::Auto, KernelChoice::Fastest(milliseconds)),
            "float" => (Precision::F32, KernelChoice::Exact),
            _ => return Err(format!("{quality}: expected exact, balanced or float").into()),
        };
        if on_gpu && self.gpu.is_none() {
            let allow_software = std::env::var_os("COROM_GPU_SOFTWARE").is_some();
            self.gpu = GpuDevice::open(GpuOptions { allow_software, ..GpuOptions::default() })?;
        }
        let gpu = if on_gpu { Some(self.gpu.clone().ok_or("there is no GPU")?) } else { None };
        let options = LoadOptions {
            precision,
            kernel,
            gpu,
            pooling: Some(Pooling::Cls.into()),
            max_length: Some(MAX_LENGTH),
            ..LoadOptions::default()
        };
        let mut embedder = folder::load(model, options)?;
        embedder.set_threads(threads.try_into()?);
        Ok(embedder)
    }
}

/// Returns the milliseconds since the first call.
fn milliseconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}
