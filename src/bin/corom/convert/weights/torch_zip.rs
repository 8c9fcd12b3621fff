//! PyTorch's zip format (since 1.6): `NAME/data.pkl` and a stored, uncompressed
//! entry `NAME/data/KEY` for each storage.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Seek};

use corom::error::{Error, ErrorCode, Result};
use zip::{CompressionMethod, ZipArchive};

use super::TensorView;
use super::pickle::Pickle;
use super::torch::{missing_storage, state_dict};
use crate::fail;

/// Lists the tensors.
pub(crate) fn list(reader: &mut (impl BufRead + Seek)) -> Result<BTreeMap<String, TensorView>> {
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
        fail!(InvalidCheckpoint, "this zip file has no data.pkl: it is no PyTorch checkpoint");
    };
    let root = pickle_name.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    check_byte_order(&mut archive, &format!("{root}byteorder"))?;

    let entry = archive.by_name(&pickle_name).map_err(corrupt)?;
    let pickle = Pickle::read(&mut BufReader::new(entry))?;
    let mut views = BTreeMap::new();
    for (name, tensor) in state_dict(&pickle)? {
        let key = &tensor.storage.key;
        let view = match storages.get(&format!("{root}data/{key}")) {
            Some(&(true, Some(start), bytes)) => tensor.place(start, bytes),
            Some(_) => {
                fail!(InvalidCheckpoint, "`{name}`: its numbers are compressed, which PyTorch never does")
            }
            None => Err(missing_storage(key)),
        };
        let view = view.map_err(|e| Error::new(e.code(), format!("`{name}`: {e}")))?;
        views.insert(name, view);
    }
    Ok(views)
}

/// Files from big-endian machines say so in an entry of their own.
fn check_byte_order<R: Read + Seek>(archive: &mut ZipArchive<R>, name: &str) -> Result<()> {
    let Ok(entry) = archive.by_name(name) else { return Ok(()) };
    let mut order = String::new();
    entry.take(16).read_to_string(&mut order).map_err(super::unreadable)?;
    if order != "little" {
        fail!(
            InvalidCheckpoint,
            "its numbers are in `{}` byte order; corom reads little-endian",
            order.escape_debug()
        );
    }
    Ok(())
}

fn corrupt(error: zip::result::ZipError) -> Error {
    Error::with_source(
        ErrorCode::InvalidCheckpoint,
        format!("it begins as a PyTorch zip file, and is cut or corrupt: {error}"),
        error,
    )
}
