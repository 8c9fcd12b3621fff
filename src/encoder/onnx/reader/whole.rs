//! Reads an ONNX file that is in memory as a whole.

use super::OnnxReader;
use crate::encoder::onnx::external::ExternalFile;
use crate::encoder::onnx::onnx_file::OnnxFile;
use crate::error::Result;

impl OnnxFile {
    /// Reads a whole file.
    ///
    /// # Errors
    /// `NOT_A_MODEL` for a web page or another text; `INVALID_MODEL` for other bytes that are not an ONNX file;
    /// `UNSUPPORTED_MODEL` for a version of the operator set that is not supported.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut reader = OnnxReader::keeping(u64::MAX);
        reader.write(bytes)?;
        reader.finish()
    }
}

/// Returns the files with the external data of an ONNX file. See [`OnnxFile::external_files`].
///
/// # Errors
/// The errors of [`OnnxFile::parse`] and [`OnnxFile::external_files`].
pub fn external_files(onnx: &[u8]) -> Result<Vec<ExternalFile>> {
    OnnxFile::parse(onnx)?.external_files()
}
