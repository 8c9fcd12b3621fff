//! `corom-native-bench FOLDER exact|relaxed`: reads commands from standard input, and writes a line per command.
//!
//! - `text TEXT` adds a text; the line is the number of texts.
//! - `embed THREADS` embeds all texts; the line is the time in milliseconds.
//! - `vector NUMBER` gives the vector of a text of the last run.
//!
//! The first line names the instruction set.

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::Instant;

use corom::encoder::KernelChoice;
use corom::encoder::cpu::kernels::linear::Kernel;
use corom::encoder::cpu::kernels::simd::InstructionSet;
use corom::model::{LoadOptions, folder};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, model, kernel] = &arguments[..] else { return Err("expected FOLDER exact|relaxed".into()) };
    let kernel = match kernel.as_str() {
        "exact" => KernelChoice::Exact,
        "relaxed" => KernelChoice::Fixed(Kernel::RelaxedI16),
        _ => return Err(format!("{kernel}: expected exact or relaxed").into()),
    };
    let mut embedder = folder::load(Path::new(model), LoadOptions { kernel, ..LoadOptions::default() })?;
    let (mut texts, mut vectors) = (Vec::new(), Vec::new());
    answer(InstructionSet::current().name())?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("text", text)) => {
                texts.push(text.to_owned());
                answer(&texts.len().to_string())?;
            }
            Some(("embed", threads)) => {
                embedder.set_threads(threads.parse()?);
                let start = Instant::now();
                vectors = embedder.embed(&texts)?;
                answer(&format!("{:.3}", start.elapsed().as_secs_f64() * 1e3))?;
            }
            Some(("vector", number)) => {
                let vector = vectors.chunks(embedder.dimension()).nth(number.parse()?).ok_or("no such text")?;
                answer(&format!("{vector:?}"))?;
            }
            _ => return Err(format!("unknown command: {line}").into()),
        }
    }
    Ok(())
}

fn answer(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
