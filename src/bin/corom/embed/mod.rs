//! `corom embed`: embeds the texts of a file of any size.
//!
//! Rows are read, embedded and written window by window, so that memory does not depend on the size of the file. Within
//! a window texts are sorted by length; the rows keep the order of the input.

mod args;
#[cfg(feature = "columnar")]
mod columnar;
mod input;
mod out_files;
mod output;
mod records;
mod row;
mod settings;
mod vectors;

use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use corom::error::{Error, Result};

pub(crate) use args::{Args, Quality};
use input::{Input, Source};
use out_files::{Checkpoint, OutFiles, Start, Stdout};
use output::{Encoder, Sink};
pub(crate) use records::records;
use row::{BadRow, BadRows, Content, OnBadRow, Window};
use vectors::Vectors;

use crate::engine::Engine;
use crate::output::print_line;
use crate::progress::{Progress, duration};

/// Embeds the texts of a file. `OUT` appears complete or not at all.
///
/// # Errors
/// `INVALID_ARGUMENT` for arguments that do not fit the files, and for a bad row; the errors of [`Engine`], [`Input`],
/// [`Encoder`] and [`OutFiles`].
pub(crate) fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let formats = settings::formats(args)?;
    let name = settings::input_name(args);
    let source = Source::open(&args.input_file)?;
    let settings = settings::of_run(args, formats)?;
    let mut input = input::open(source, &name, formats.0, &settings::selection(args, formats.1))?;
    let threads =
        args.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let options = args.load_options()?;
    let mut engine = Engine::load(&args.model, options, &[args.prompt()], threads)?;
    let mut encoder = output::encoder(formats.1, settings::shape(args, &*input, engine.dimension))?;
    settings::check_paths(args, encoder.sidecars())?;
    let progress = Progress::new("embedding");
    let bad = BadRows { input: name, choice: args.on_bad_row, count: 0, progress };
    let mut run = Run { args, engine: &mut engine, bad, checkpoint: Checkpoint::default() };
    if args.output_file == Path::new("-") {
        let written = run.embed(&mut *input, &mut *encoder, &mut Stdout, |_, _| Ok(()));
        if written.as_ref().is_err_and(is_broken_pipe) {
            return Ok(()); // the reader, such as `head`, has what it wants
        }
        written?;
    } else {
        let flags = (args.resume, args.force);
        let (mut files, start) = OutFiles::open(&args.output_file, &*encoder, settings, flags)?;
        let written = match start {
            Start::Complete(checkpoint) => {
                run.checkpoint = checkpoint;
                Ok(())
            }
            Start::New => run.embed(&mut *input, &mut *encoder, &mut files, OutFiles::record),
            Start::Resumed(checkpoint) => input.resume(checkpoint.position).and_then(|()| {
                run.checkpoint = checkpoint;
                encoder.resume(&files.state()?)?;
                run.embed(&mut *input, &mut *encoder, &mut files, OutFiles::record)
            }),
        };
        if let Err(error) = written {
            run.bad.progress.clear();
            if files.abandon() {
                eprintln!("the rows so far are kept: --resume continues with the same input");
            }
            return Err(error);
        }
        files.commit()?;
    }
    run.engine.report_device();
    run.report(started.elapsed().as_secs_f64());
    Ok(())
}

/// A run and what it has done.
struct Run<'a> {
    args: &'a Args,
    engine: &'a mut Engine,
    bad: BadRows,
    checkpoint: Checkpoint,
}

impl Run<'_> {
    /// Embeds the rows that are left. Calls `record` when the bytes so far are valid.
    fn embed<S: Sink>(
        &mut self,
        input: &mut dyn Input,
        encoder: &mut dyn Encoder,
        sink: &mut S,
        record: impl Fn(&mut S, Checkpoint) -> Result<()>,
    ) -> Result<()> {
        let total = input.total();
        self.bad.count = self.checkpoint.counts.bad;
        self.bad.progress.restart(input.position().offset, total);
        if self.checkpoint.position.rows == 0 {
            encoder.begin(sink)?;
        }
        let mut texts = 0;
        loop {
            let before = input.position().offset;
            let Some(mut window) = input.read(self.args.window.get(), &mut self.bad)? else { break };
            if window.rows.is_empty() {
                self.checkpoint.counts.bad = self.bad.count;
                self.checkpoint.position = input.position();
                record(sink, self.checkpoint.clone())?;
                continue;
            }
            let after = input.position().offset;
            let vectors = self.vectors(&mut window, |bad, done, count| {
                let read = before + (after - before) * done as u64 / count.max(1) as u64;
                bad.update(texts + done as u64, read, total);
            })?;
            texts += window.rows.len() as u64;
            vectors.check(&window, self.args.vectors)?;
            encoder.write(&window, &vectors, sink)?;
            let counts = &mut self.checkpoint.counts;
            counts.rows += window.rows.len() as u64;
            let empty = |text: &&String| text.trim().is_empty();
            counts.empty +=
                window.rows.iter().filter_map(|row| row.text.as_ref()).filter(empty).count() as u64;
            counts.bad = self.bad.count;
            self.checkpoint.position = input.position();
            record(sink, self.checkpoint.clone())?;
        }
        self.checkpoint.counts.bad = self.bad.count;
        encoder.end(self.checkpoint.counts.rows, sink)?;
        self.bad.progress.clear();
        Ok(())
    }

    /// Embeds the texts of a window. Removes the rows whose text cannot be embedded, or their texts.
    fn vectors(
        &mut self,
        window: &mut Window,
        mut progress: impl FnMut(&mut Progress, usize, usize),
    ) -> Result<Vectors> {
        let dimension = self.engine.dimension;
        let with_text: Vec<usize> =
            (0..window.rows.len()).filter(|&i| window.rows[i].text.is_some()).collect();
        let texts: Vec<&str> =
            with_text.iter().map(|&i| window.rows[i].text.as_deref().unwrap_or_default()).collect();
        let bar = &mut self.bad.progress;
        let embedded =
            self.engine.embed(&texts, &self.args.prompt(), |done| progress(bar, done, with_text.len()))?;
        self.checkpoint.counts.cut += embedded.cut;
        let mut data = vec![0.0; window.rows.len() * dimension];
        for (&row, vector) in with_text.iter().zip(embedded.data.chunks_exact(dimension.max(1))) {
            data[row * dimension..][..dimension].copy_from_slice(vector);
        }
        let mut removed = Vec::new();
        for (text, reason) in embedded.failed {
            let row = with_text[text];
            let bad = BadRow { place: window.rows[row].place.clone(), reason };
            if self.bad.keeps(&bad)? {
                window.rows[row].text = None;
                if matches!(window.rows[row].content, Content::Text) {
                    window.rows[row].content = Content::Bad(bad);
                }
            } else {
                removed.push(row);
            }
        }
        window.remove(&removed)?;
        removed.iter().rev().for_each(|row| drop(data.drain(row * dimension..(row + 1) * dimension)));
        Ok(Vectors { dimension, data })
    }

    fn report(&self, seconds: f64) {
        let out = self.args.output_file.display();
        let counts = &self.checkpoint.counts;
        let kept = if self.args.on_bad_row == OnBadRow::Keep { counts.bad } else { 0 };
        let vectors = counts.rows - kept;
        let mut lines = vec![
            out.to_string(),
            format!("  {vectors} vectors of {} numbers, {}", self.engine.dimension, duration(seconds)),
        ];
        if counts.cut > 0 {
            lines.push(format!(
                "  {} texts have more than {} tokens and were cut",
                counts.cut, self.engine.max_length
            ));
        }
        if counts.empty > 0 {
            lines.push(format!("  {} texts are empty", counts.empty));
        }
        match (counts.bad, self.args.on_bad_row) {
            (0, _) => {}
            (bad, OnBadRow::Keep) => lines.push(format!("  {bad} bad rows are kept without a vector")),
            (bad, _) => lines.push(format!("  {bad} bad rows were skipped")),
        }
        for line in lines {
            if self.args.output_file == Path::new("-") { eprintln!("{line}") } else { print_line(line) }
        }
    }
}

fn is_broken_pipe(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|e| e.downcast_ref::<std::io::Error>());
    source.is_some_and(|e| e.kind() == ErrorKind::BrokenPipe)
}
