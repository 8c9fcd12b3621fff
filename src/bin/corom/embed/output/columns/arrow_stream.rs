//! Arrow streams: <https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format>.

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::Schema;
use corom::error::Result;

use super::super::{Encoder, Sink};
use super::output_batch::OutputBatch;
use crate::embed::columnar::internal;
use crate::embed::row::Window;
use crate::embed::vectors::Vectors;

/// The files: the stream, and the state of a run.
const STREAM: usize = 0;
const STATE: usize = 1;
/// The end of a stream.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Writes the columns first, then a batch per window.
pub(in crate::embed::output) struct ArrowStream {
    batches: OutputBatch,
    /// True if the columns are written.
    has_begun: bool,
}

impl ArrowStream {
    /// Writes batches.
    pub(in crate::embed::output) fn new(batches: OutputBatch) -> Self {
        Self { batches, has_begun: false }
    }

    fn begin_stream(&mut self, sink: &mut dyn Sink) -> Result<()> {
        if !self.has_begun {
            self.has_begun = true;
            sink.append(STREAM, &encoded(&self.batches.schema(), None)?)?;
            sink.append(STATE, &[self.batches.state()])?;
        }
        Ok(())
    }
}

impl Encoder for ArrowStream {
    fn has_state(&self) -> bool {
        true
    }

    fn resume(&mut self, state: &[u8]) -> Result<()> {
        self.has_begun = true;
        state.iter().for_each(|state| self.batches.set_state(*state));
        Ok(())
    }

    fn write(&mut self, window: &Window, vectors: &Vectors, sink: &mut dyn Sink) -> Result<()> {
        let batch = self.batches.batch(window, vectors)?;
        self.begin_stream(sink)?;
        let begin = encoded(&batch.schema(), None)?.len();
        sink.append(STREAM, &encoded(&batch.schema(), Some(&batch))?[begin..])
    }

    fn end(&mut self, _: u64, sink: &mut dyn Sink) -> Result<()> {
        self.begin_stream(sink)?;
        sink.append(STREAM, &END)
    }
}

/// Returns a stream without its end.
fn encoded(schema: &Schema, batch: Option<&RecordBatch>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, schema).map_err(internal)?;
    if let Some(batch) = batch {
        writer.write(batch).map_err(internal)?;
    }
    writer.flush().map_err(internal)?;
    drop(writer);
    Ok(bytes)
}
