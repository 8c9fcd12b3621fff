//! PyTorch's zip format (since 1.6): `NAME/data.pkl`, and a stored (uncompressed) entry `NAME/data/KEY` for
//! each storage.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Seek};

use zip::{CompressionMethod, ZipArchive};

use super::pickle::Pickle;
use super::tensor_view::TensorView;
use super::torch::{missing_storage, state_dict};
use crate::checkpoint_file::file_reader::read_error;
use crate::error::{Error, ErrorCode, Result, fail};

/// Lists the tensors.
///
/// # Errors
/// `INVALID_CHECKPOINT` if the file is cut, corrupt or of another format.
pub(super) fn list(reader: &mut (impl BufRead + Seek)) -> Result<BTreeMap<String, TensorView>> {
    let mut archive = ZipArchive::new(reader).map_err(corrupt)?;
    let mut storages = BTreeMap::new();
    let mut pickle_name = None;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(corrupt)?;
        let name = entry.name().map_err(corrupt)?.into_owned();
        let stored =
            entry.compression() == CompressionMethod::Stored && entry.size() == entry.compressed_size();
        if name == "data.pkl" || name.ends_with("/data.pkl") {
            pickle_name.get_or_insert_with(|| name.clone());
        }
        storages.insert(name, (stored, entry.data_start(), entry.size()));
    }
    let Some(pickle_name) = pickle_name else {
        fail!(InvalidCheckpoint, "the zip file has no data.pkl; it is no PyTorch checkpoint");
    };
    let root = pickle_name.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    check_byte_order(&mut archive, &format!("{root}byteorder"))?;

    let entry = archive.by_name(&pickle_name).map_err(corrupt)?;
    let pickle = Pickle::read(&mut BufReader::new(entry))?;
    let mut views = BTreeMap::new();
    for (name, tensor) in state_dict(&pickle)? {
        let key = &tensor.storage.key;
        let view = match storages.get(&format!("{root}data/{key}")) {
            Some(&(true, Some(start), bytes)) => tensor.view(start, bytes),
            Some(_) => {
                fail!(
                    InvalidCheckpoint,
                    "`{name}`: the values are compressed; PyTorch stores them uncompressed"
                )
            }
            None => Err(missing_storage(key)),
        };
        let view = view.map_err(|e| Error::new(e.code(), format!("`{name}`: {e}")))?;
        views.insert(name, view);
    }
    Ok(views)
}

/// Checks the entry `byteorder`, if the archive has one.
fn check_byte_order<R: Read + Seek>(archive: &mut ZipArchive<R>, name: &str) -> Result<()> {
    let Ok(entry) = archive.by_name(name) else { return Ok(()) };
    let mut order = String::new();
    entry.take(16).read_to_string(&mut order).map_err(read_error)?;
    if order != "little" {
        fail!(
            InvalidCheckpoint,
            "the values are in `{}` byte order; corom reads little-endian",
            order.escape_debug()
        );
    }
    Ok(())
}

fn corrupt(error: zip::result::ZipError) -> Error {
    Error::with_source(
        ErrorCode::InvalidCheckpoint,
        format!(
            "the file begins like a PyTorch zip file, but it is cut or corrupt: {error}; download it again, and \
             compare its size with the original's"
        ),
        error,
    )
}
