//! Parquet files: <https://parquet.apache.org/docs/file-format/>.
//!
//! The crate `parquet` writes a file from its first byte to its last. To continue after a crash, each window becomes a
//! Parquet file in memory; its row groups are copied to `OUT`, with their places moved, and their index is kept in a file
//! beside it. The footer with all indices comes last.

use std::sync::Arc;

use arrow_array::{RecordBatch, new_null_array};
use arrow_schema::Schema;
use corom::error::{Error, ErrorCode, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    FileMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetMetaDataWriter,
    RowGroupMetaData,
};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::super::{Encoder, Sink};
use super::output_batch::{EMBEDDING, ITEM, OutputBatch};
use crate::embed::columnar::guarded;
use crate::embed::columnar::internal;
use crate::embed::row::Window;
use crate::embed::vectors::Vectors;
use crate::fail;

/// The files: row groups, and their index.
const GROUPS: usize = 0;
const INDEX: usize = 1;
const MAGIC: &[u8] = b"PAR1";
/// The length of the footer and the magic bytes, after a footer.
const FOOTER_END: usize = 8;

/// Writes a row group per window.
pub(in crate::embed::output) struct ParquetFile {
    batches: OutputBatch,
    /// The schema, from the first window on.
    file: Option<FileMetaData>,
    groups: Vec<RowGroupMetaData>,
    /// The end of the last row group.
    end: u64,
}

impl ParquetFile {
    /// Writes batches.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the name and the type of a column that Parquet cannot hold.
    pub(in crate::embed::output) fn new(batches: OutputBatch) -> Result<Self> {
        for field in batches.schema().fields() {
            // The writer looks at a type when it writes a value.
            let nullable = Arc::new(field.as_ref().clone().with_nullable(true));
            let result = guarded("the column", || {
                let value = new_null_array(field.data_type(), 1);
                let schema = Arc::new(Schema::new(vec![nullable]));
                let batch = RecordBatch::try_new(schema, vec![value]).map_err(internal)?;
                encoded(&batch.schema(), Some(&batch)).map(drop)
            });
            if let Err(error) = result {
                fail!(
                    InvalidArgument,
                    "the column `{}` has the type {}, which Parquet cannot hold: {error}; choose the columns that OUT \
                     repeats with --keep, or write Arrow",
                    field.name(),
                    field.data_type()
                );
            }
        }
        Ok(Self { batches, file: None, groups: Vec::new(), end: MAGIC.len() as u64 })
    }

    /// Moves the row groups of a file in memory to the end of `OUT`. Returns their index as bytes.
    fn add(&mut self, metadata: &ParquetMetaData) -> Result<Vec<u8>> {
        let moved = self.end as i64 - MAGIC.len() as i64;
        let groups = metadata.row_groups().iter().map(|group| moved_group(group, moved));
        let groups = groups.collect::<Result<Vec<_>, ParquetError>>().map_err(internal)?;
        let index = footer(&ParquetMetaData::new(metadata.file_metadata().clone(), groups))?;
        // As a run that continues has it: some details of the index are lost on the way.
        self.add_index(&index)?;
        Ok(index)
    }

    /// Adds the index of row groups that are in `OUT`.
    fn add_index(&mut self, index: &[u8]) -> Result<()> {
        let thrift = &index[..index.len().saturating_sub(FOOTER_END)];
        let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
        let metadata = guarded("the index of the rows so far", || {
            ParquetMetaDataReader::decode_metadata_with_options(thrift, Some(&options)).map_err(|_| damaged())
        })?;
        self.groups.extend_from_slice(metadata.row_groups());
        self.file = Some(metadata.file_metadata().clone());
        self.end = end_of(&self.groups, self.end);
        Ok(())
    }
}

impl Encoder for ParquetFile {
    fn has_state(&self) -> bool {
        true
    }

    fn begin(&mut self, sink: &mut dyn Sink) -> Result<()> {
        sink.append(GROUPS, MAGIC)
    }

    fn resume(&mut self, state: &[u8]) -> Result<()> {
        let (first, mut rest) = state.split_first().ok_or_else(damaged)?;
        self.batches.set_state(*first);
        while let Some((length, more)) = rest.split_first_chunk::<4>() {
            let (index, more) =
                more.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(damaged)?;
            self.add_index(index)?;
            rest = more;
        }
        Ok(())
    }

    fn write(&mut self, window: &Window, vectors: &Vectors, sink: &mut dyn Sink) -> Result<()> {
        let batch = self.batches.batch(window, vectors)?;
        if self.file.is_none() {
            sink.append(INDEX, &[self.batches.state()])?;
        }
        let (bytes, metadata) = encoded(&batch.schema(), Some(&batch))?;
        let begin = self.end;
        let index = self.add(&metadata)?;
        sink.append(GROUPS, &bytes[MAGIC.len()..][..(self.end - begin) as usize])?;
        sink.append(INDEX, &(index.len() as u32).to_le_bytes())?;
        sink.append(INDEX, &index)
    }

    fn end(&mut self, _: u64, sink: &mut dyn Sink) -> Result<()> {
        let file = match &self.file {
            Some(file) => file.clone(),
            None => encoded(&self.batches.schema(), None)?.1.file_metadata().clone(),
        };
        let groups = std::mem::take(&mut self.groups).into_iter().enumerate();
        let groups = groups.map(|(at, group)| group.into_builder().set_ordinal(at as i32).build());
        let groups = groups.collect::<Result<Vec<_>, _>>().map_err(internal)?;
        sink.append(GROUPS, &footer(&ParquetMetaData::new(file, groups))?)
    }
}

fn damaged() -> Error {
    Error::new(ErrorCode::InvalidArgument, "the index of the rows so far is damaged; --force starts again")
}

/// Returns a Parquet file in memory.
fn encoded(schema: &Schema, batch: Option<&RecordBatch>) -> Result<(Vec<u8>, ParquetMetaData)> {
    let vectors = || ColumnPath::from(vec![EMBEDDING.to_owned(), "list".to_owned(), ITEM.to_owned()]);
    // Vectors neither compress nor repeat. Everything reads Snappy.
    let properties = WriterProperties::builder()
        .set_created_by(concat!("corom version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_column_compression(vectors(), Compression::UNCOMPRESSED)
        .set_column_dictionary_enabled(vectors(), false)
        .set_column_statistics_enabled(vectors(), EnabledStatistics::None)
        .build();
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, Arc::new(schema.clone()), Some(properties)).map_err(internal)?;
    if let Some(batch) = batch {
        writer.write(batch).map_err(internal)?;
    }
    let metadata = writer.close().map_err(internal)?;
    Ok((bytes, metadata))
}

fn footer(metadata: &ParquetMetaData) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    ParquetMetaDataWriter::new(&mut bytes, metadata).finish().map_err(internal)?;
    Ok(bytes)
}

/// Returns the index of a row group that begins `moved` bytes later.
fn moved_group(group: &RowGroupMetaData, moved: i64) -> Result<RowGroupMetaData, ParquetError> {
    let columns = group.columns().iter().map(|column| {
        let dictionary = column.dictionary_page_offset().map(|at| at + moved);
        let data = column.data_page_offset() + moved;
        column
            .clone()
            .into_builder()
            .set_data_page_offset(data)
            .set_dictionary_page_offset(dictionary)
            .build()
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let begin = group.file_offset().unwrap_or(MAGIC.len() as i64) + moved;
    group.clone().into_builder().set_column_metadata(columns).set_file_offset(begin).build()
}

/// Returns the end of the last row group.
fn end_of(groups: &[RowGroupMetaData], begin: u64) -> u64 {
    let ends = groups.iter().flat_map(RowGroupMetaData::columns).map(|column| {
        let (begin, length) = column.byte_range();
        begin + length
    });
    ends.max().unwrap_or(begin)
}
