//! The numbers of a batch that shaders read: tokens, the rows of each text, and blocks of queries.

use std::collections::BTreeMap;

use super::buffer::GpuBuffer;
use super::device::GpuDevice;
use crate::batch::Batch;
use crate::encoder::plan::packing_failed;
use crate::encoder::spec::PositionRule;
use crate::error::Result;

/// The choice of rows that the embeddings read for the tokens of a batch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TokenRows {
    /// Rows of the table of token types, which lies before that of positions.
    pub(super) type_rows: usize,
    pub(super) types_always_zero: bool,
    pub(super) positions: Option<PositionRule>,
}

/// The uploaded numbers of a batch.
#[derive(Default)]
pub(super) struct BatchInputs {
    /// The number of texts.
    pub(super) texts: usize,
    /// The tokens of the longest text.
    pub(super) longest: usize,
    tokens: Option<GpuBuffer>,
    text_rows: Option<GpuBuffer>,
    /// Per number of queries of a block, and whether only first rows are queries: the blocks, and their number.
    blocks: BTreeMap<(usize, bool), (GpuBuffer, usize)>,
}

impl BatchInputs {
    /// Uploads a batch. `attention` has the kinds of blocks that the ops read. Buffers that are large enough are used
    /// again.
    ///
    /// # Errors
    /// The errors of [`GpuDevice::buffer`].
    pub(super) fn upload(
        &mut self,
        gpu: &GpuDevice,
        batch: &Batch,
        rows: TokenRows,
        attention: &[(usize, bool)],
    ) -> Result<()> {
        self.texts = batch.texts();
        self.longest = (0..batch.texts()).map(|text| batch.range(text).len()).max().unwrap_or(0);
        let mut tokens: Vec<[u32; 4]> = Vec::with_capacity(batch.tokens());
        for text in 0..batch.texts() {
            let range = batch.range(text);
            let ids = &batch.input_ids[range.clone()];
            let positions = rows.positions.unwrap_or_default().rows(ids);
            for ((id, token_type), position) in ids.iter().zip(&batch.token_type_ids[range]).zip(positions) {
                let token_type = if rows.types_always_zero { 0 } else { *token_type };
                tokens.push([*id, token_type, (rows.type_rows + position) as u32, 0]);
            }
        }
        write(gpu, &mut self.tokens, "tokens", &tokens)?;
        let starts: Vec<[u32; 2]> = batch.cu_seqlens.windows(2).map(|ends| [ends[0], ends[1]]).collect();
        write(gpu, &mut self.text_rows, "texts", &starts)?;
        for &(queries, first_row_only) in attention {
            let blocks = query_blocks(&starts, queries, first_row_only);
            let mut buffer = self.blocks.remove(&(queries, first_row_only)).map(|(buffer, _)| buffer);
            write(gpu, &mut buffer, "blocks of queries", &blocks)?;
            if let Some(buffer) = buffer {
                self.blocks.insert((queries, first_row_only), (buffer, blocks.len()));
            }
        }
        Ok(())
    }

    /// Returns the tokens: id, type, row of the table of positions.
    ///
    /// # Errors
    /// `INTERNAL` if no batch was uploaded.
    pub(super) fn tokens(&self) -> Result<&GpuBuffer> {
        self.tokens.as_ref().ok_or_else(|| packing_failed("an op has no tokens"))
    }

    /// Returns the first row and the end row of each text.
    ///
    /// # Errors
    /// `INTERNAL` if no batch was uploaded.
    pub(super) fn text_rows(&self) -> Result<&GpuBuffer> {
        self.text_rows.as_ref().ok_or_else(|| packing_failed("an op has no texts"))
    }

    /// Returns the blocks of queries and their number.
    ///
    /// # Errors
    /// `INTERNAL` if this kind of blocks was not uploaded.
    pub(super) fn blocks(&self, queries: usize, first_row_only: bool) -> Result<(&GpuBuffer, usize)> {
        let found = self.blocks.get(&(queries, first_row_only));
        found
            .map(|(buffer, count)| (buffer, *count))
            .ok_or_else(|| packing_failed("an attention has no blocks of queries"))
    }
}

/// Returns per block: the first row of queries, the number of queries, the first and the end row of keys.
fn query_blocks(texts: &[[u32; 2]], queries: usize, first_row_only: bool) -> Vec<[u32; 4]> {
    let mut blocks = Vec::new();
    for (text, &[start, end]) in texts.iter().enumerate() {
        if first_row_only {
            blocks.push([text as u32, 1, start, end]);
            continue;
        }
        for first in (start..end).step_by(queries) {
            blocks.push([first, (end - first).min(queries as u32), start, end]);
        }
    }
    blocks
}

/// Writes `content` into a buffer, which is replaced if it is too small.
fn write<T: bytemuck::NoUninit>(
    gpu: &GpuDevice,
    buffer: &mut Option<GpuBuffer>,
    label: &str,
    content: &[T],
) -> Result<()> {
    let bytes: &[u8] = bytemuck::cast_slice(content);
    let size = bytes.len() as u64;
    let buffer = match buffer {
        Some(buffer) if buffer.size() >= size => buffer,
        other => {
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            *other = None;
            other.insert(gpu.buffer(label, size.next_power_of_two(), usage)?)
        }
    };
    gpu.wgpu().1.write_buffer(buffer, 0, bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_each_text_alone() {
        let texts = [[0, 3], [3, 8]];
        assert_eq!(query_blocks(&texts, 4, false), [[0, 3, 0, 3], [3, 4, 3, 8], [7, 1, 3, 8]]);
        assert_eq!(query_blocks(&texts, 4, true), [[0, 1, 0, 3], [1, 1, 3, 8]]);
    }
}
