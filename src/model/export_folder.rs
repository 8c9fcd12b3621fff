//! Folders of other tools: `config.json`, a tokenizer and ONNX files, as transformers.js, optimum,
//! sentence-transformers and Olive lay them out. Chooses one of the ONNX files.
//!
//! # File names
//!
//! - optimum writes `model.onnx`, `model_optimized.onnx` and `model_quantized.onnx`;
//! - onnx-community and Xenova (transformers.js) write `onnx/model.onnx` and, with the suffixes `_fp16`,
//!   `_quantized`, `_int8`, `_uint8`, `_q4`, `_q4f16` and `_bnb4`, its variants;
//! - sentence-transformers writes `onnx/model.onnx`, its optimized variants `_O1` to `_O3`, `_O4` (float16),
//!   and `_qint8_avx512_vnni`, `_qint8_avx512`, `_qint8_arm64`, `_quint8_avx2`;
//! - Olive writes a `model.onnx` per output folder, which people name after the number type.
//!
//! # Order
//!
//! For a BERT-base, onnx-community's files have 438 MB (f32), 219 MB (fp16), 111 MB (8 bits), 150 MB (q4:
//! its word table is f32) and 96 MB (q4f16). With `precision: "auto"` corom computes products of 8-bit
//! weights, so the 8-bit file comes first: f32 weights are four times the bytes and would be quantized while
//! they load. fp16 comes next, because its rounding is far below that of 8 bits. 4 bits lose accuracy and come
//! last. With `precision: "f32"` the f32 file comes first. Among files of a type, `model_O3` is last, because
//! its GELU is approximate. A file at the top comes before the same name in `onnx/`.
//!
//! The order is the same with and without a listing, so a folder means the same on every host. Without a
//! listing, only [`TRIED_NAMES`] are requested: each name that does not exist costs a request.

use crate::encoder::Precision;
use crate::error::{Result, fail};
use crate::relative_path::is_relative_path;

use super::dtype::{Dtype, FileType};

/// The usual names of ONNX files, in the order of preference within a type.
const USUAL_NAMES: &[(&str, FileType)] = &[
    ("model_quantized.onnx", FileType::Q8),
    ("model_int8.onnx", FileType::Int8),
    ("model_qint8_avx512_vnni.onnx", FileType::Int8),
    ("model_qint8_avx512.onnx", FileType::Int8),
    ("model_qint8_arm64.onnx", FileType::Int8),
    ("model_uint8.onnx", FileType::Uint8),
    ("model_quint8_avx2.onnx", FileType::Uint8),
    ("model_optimized_quantized.onnx", FileType::Q8),
    ("model_fp16.onnx", FileType::F16),
    ("model_O4.onnx", FileType::F16),
    ("model.onnx", FileType::F32),
    ("model_O1.onnx", FileType::F32),
    ("model_O2.onnx", FileType::F32),
    ("model_optimized.onnx", FileType::F32),
    ("model_O3.onnx", FileType::F32),
    ("model_q4f16.onnx", FileType::Q4F16),
    ("model_q4.onnx", FileType::Q4),
    ("model_int4.onnx", FileType::Q4),
];

/// The paths that are requested for `dtype: "auto"` if the host cannot list the folder. Files that tools
/// write only beside one of these are left out.
const TRIED_NAMES: &[&str] = &[
    "model_quantized.onnx",
    "onnx/model_quantized.onnx",
    "onnx/model_int8.onnx",
    "onnx/model_qint8_avx512_vnni.onnx",
    "onnx/model_uint8.onnx",
    "onnx/model_fp16.onnx",
    "model.onnx",
    "onnx/model.onnx",
    "model_optimized.onnx",
    "onnx/model_q4f16.onnx",
    "onnx/model_q4.onnx",
];

/// The most paths that an error message lists.
const MAX_LISTED_PATHS: usize = 8;

/// The export that is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WantedExport {
    /// The option `dtype`.
    pub(crate) dtype: Dtype,
    /// The option `precision`, which decides for [`Dtype::Auto`].
    pub(crate) precision: Precision,
}

/// Returns true if a path is that of an ONNX file.
pub(crate) fn is_onnx(path: &str) -> bool {
    path.len() > 5 && path.as_bytes()[path.len() - 5..].eq_ignore_ascii_case(b".onnx")
}

/// Returns true if a path is that of a checkpoint's weights.
fn is_checkpoint(path: &str) -> bool {
    [".safetensors", ".bin"].iter().any(|ending| path.ends_with(ending))
        && ["model", "pytorch_model"].iter().any(|name| {
            let file = path.rsplit('/').next().unwrap_or(path);
            // Also the first of several shards: model-00001-of-00002.safetensors.
            file.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', '-']))
        })
}

/// Returns `FETCH_FAILED` if one of the paths is a subfolder for ONNX files that cannot be listed, which ends with `/`.
pub(crate) fn reject_hidden_exports<'a>(mut paths: impl Iterator<Item = &'a str>) -> Result<()> {
    let hidden = paths.find(|path| *path == "onnx/" || path.ends_with("/onnx/"));
    let Some(folder) = hidden.map(|path| path.trim_end_matches('/')) else { return Ok(()) };
    fail!(
        FetchFailed,
        "{folder} cannot be read, but may have the ONNX file; make it readable, or name the file"
    )
}

impl WantedExport {
    /// Returns the paths to request one after the other if the folder cannot be listed.
    pub(crate) fn tried_paths(self) -> Vec<String> {
        let mut paths = self.usual_paths();
        if self.dtype == Dtype::Auto {
            paths.retain(|path| TRIED_NAMES.contains(&path.as_str()));
        }
        paths
    }

    /// Chooses the ONNX file among the paths of a folder: the first usual one, else the only one whose name
    /// fits.
    ///
    /// # Errors
    /// `MISSING_FILE` if none fits, `INVALID_ARGUMENT` if several at unusual paths do.
    pub(crate) fn choose<'a>(self, paths: impl Iterator<Item = &'a str>) -> Result<String> {
        let paths: Vec<&str> = paths.collect();
        let onnx: Vec<&str> = paths.iter().copied().filter(|p| is_onnx(p)).collect();
        let usual_in = |folder: &str| {
            let mut usual = self.usual_paths().into_iter().map(|path| format!("{folder}{path}"));
            usual.find(|path| onnx.contains(&path.as_str()))
        };
        if let Some(usual) = usual_in("").or_else(|| only_export(&onnx).and_then(usual_in)) {
            return Ok(usual);
        }
        let fits = |path: &&str| match FileType::of_path(path) {
            Some(kind) => self.dtype.accepts(kind),
            None => self.dtype == Dtype::Auto,
        };
        let fitting: Vec<&str> = onnx.iter().copied().filter(fits).collect();
        match (&fitting[..], &onnx[..]) {
            (_, []) => match paths.iter().find(|path| is_checkpoint(path)) {
                Some(path) => fail!(
                    MissingFile,
                    "the model folder has no .onnx file. It has a checkpoint, {path}: convert it with `corom convert`"
                ),
                None => fail!(MissingFile, "the model folder has no .onnx file"),
            },
            // The graph says more than a name: it is rejected by what it computes.
            ([one], _) | (_, [one]) if self.dtype == Dtype::Auto || fitting.len() == 1 => {
                Ok((*one).to_owned())
            }
            ([], _) => fail!(
                MissingFile,
                "dtype: the model folder has no ONNX file of type \"{}\". It has: {}. Choose another dtype, or name a file \
                 with `model`",
                self.dtype.as_str(),
                listed(&onnx, true)
            ),
            _ => fail!(
                InvalidArgument,
                "the model folder has several .onnx files; choose one with `model`: {}",
                listed(&fitting, false)
            ),
        }
    }

    /// Checks the option `model`, which names the file itself.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if it is not the path of an `.onnx` file inside the folder, or its name says that it
    /// is of another type.
    pub(crate) fn check_path(self, model: &str) -> Result<()> {
        if !(is_relative_path(model) && is_onnx(model)) {
            fail!(
                InvalidArgument,
                "model: \"{model}\" is not the path of an .onnx file inside the model folder"
            );
        }
        if let Some(kind) = FileType::of_path(model)
            && self.dtype != Dtype::Auto
            && !self.dtype.accepts(kind)
        {
            fail!(
                InvalidArgument,
                "model: \"{model}\" is of type {} by its name, and dtype is \"{}\": omit one of the two options",
                kind.as_str(),
                self.dtype.as_str()
            );
        }
        Ok(())
    }

    /// Returns the usual paths that fit, in the order of preference.
    fn usual_paths(self) -> Vec<String> {
        let mut names: Vec<_> = USUAL_NAMES.iter().filter(|(_, kind)| self.dtype.accepts(*kind)).collect();
        // A stable sort: within a type, the order of USUAL_NAMES stays. `int8` prefers a name that says it.
        names.sort_by_key(|(_, kind)| (self.rank(*kind), self.dtype == Dtype::Int8 && *kind == FileType::Q8));
        names.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("onnx/{name}")]).collect()
    }

    /// Returns the place of a type in the order of preference.
    fn rank(self, kind: FileType) -> u8 {
        let by_weights = |eight_bit, float32| match kind {
            FileType::Q8 | FileType::Int8 | FileType::Uint8 => eight_bit,
            FileType::F16 => 1,
            FileType::F32 => float32,
            FileType::Q4 | FileType::Q4F16 | FileType::Bnb4 => 3,
        };
        match self.precision {
            Precision::Auto => by_weights(0, 2),
            Precision::F32 => by_weights(2, 0),
        }
    }
}

/// Returns the only subfolder that has ONNX files, with a slash at its end and without `onnx/`: an export that lies
/// deeper, as in `0_Transformer/onnx/`. Returns `None` if its name states a type, which goes before the file's name.
fn only_export<'a>(onnx: &[&'a str]) -> Option<&'a str> {
    let folder_of = |path: &'a str| {
        let folder = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
        let outer = folder.strip_suffix("onnx/").unwrap_or(folder);
        if outer.is_empty() || outer.ends_with('/') { outer } else { folder }
    };
    let mut folders = onnx.iter().map(|path| folder_of(path));
    let first = folders.next()?;
    (folders.all(|folder| folder == first) && FileType::of_path(first).is_none()).then_some(first)
}

/// Returns paths for a message, with their types if `with_types`.
fn listed(paths: &[&str], with_types: bool) -> String {
    let type_of = |path: &str| {
        let usual = USUAL_NAMES.iter().find(|(name, _)| path.strip_prefix("onnx/").unwrap_or(path) == *name);
        FileType::of_path(path).or(usual.map(|(_, kind)| *kind)).map_or("unknown", FileType::as_str)
    };
    let shown: Vec<String> = paths
        .iter()
        .take(MAX_LISTED_PATHS)
        .map(|path| if with_types { format!("{path} ({})", type_of(path)) } else { (*path).to_owned() })
        .collect();
    shown.join(", ") + if paths.len() > MAX_LISTED_PATHS { ", …" } else { "" }
}

/// Chooses the ONNX file to convert among the paths of a folder. A float export goes before a quantized one,
/// because a conversion cannot undo the rounding of a quantized export.
///
/// # Errors
/// The errors of [`WantedExport::choose`].
#[cfg(feature = "convert")]
pub(crate) fn choose_float_onnx<'a>(paths: impl Iterator<Item = &'a str>) -> Result<String> {
    WantedExport { dtype: Dtype::Auto, precision: Precision::F32 }.choose(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(dtype: &str, precision: Precision) -> WantedExport {
        WantedExport { dtype: Dtype::parse(dtype).unwrap(), precision }
    }

    fn choose(dtype: &str, paths: &[&str]) -> Result<String> {
        wanted(dtype, Precision::Auto).choose(paths.iter().copied())
    }

    /// The folder of a model of onnx-community.
    const COMMUNITY: &[&str] = &[
        "config.json",
        "onnx/model.onnx",
        "onnx/model.onnx_data",
        "onnx/model_bnb4.onnx",
        "onnx/model_fp16.onnx",
        "onnx/model_int8.onnx",
        "onnx/model_q4.onnx",
        "onnx/model_q4f16.onnx",
        "onnx/model_quantized.onnx",
        "onnx/model_uint8.onnx",
    ];
    /// The folder of a model of sentence-transformers.
    const SENTENCE_TRANSFORMERS: &[&str] = &[
        "onnx/model.onnx",
        "onnx/model_O1.onnx",
        "onnx/model_O2.onnx",
        "onnx/model_O3.onnx",
        "onnx/model_O4.onnx",
        "onnx/model_qint8_arm64.onnx",
        "onnx/model_qint8_avx512.onnx",
        "onnx/model_qint8_avx512_vnni.onnx",
        "onnx/model_quint8_avx2.onnx",
    ];

    #[test]
    fn each_word_chooses_its_file() {
        for (folder, dtype, expected) in [
            (COMMUNITY, "auto", "onnx/model_quantized.onnx"),
            (COMMUNITY, "q8", "onnx/model_quantized.onnx"),
            (COMMUNITY, "int8", "onnx/model_int8.onnx"),
            (COMMUNITY, "uint8", "onnx/model_uint8.onnx"),
            (COMMUNITY, "fp32", "onnx/model.onnx"),
            (COMMUNITY, "f32", "onnx/model.onnx"),
            (COMMUNITY, "fp16", "onnx/model_fp16.onnx"),
            (COMMUNITY, "q4", "onnx/model_q4.onnx"),
            (COMMUNITY, "int4", "onnx/model_q4f16.onnx"),
            (COMMUNITY, "q4f16", "onnx/model_q4f16.onnx"),
            (SENTENCE_TRANSFORMERS, "auto", "onnx/model_qint8_avx512_vnni.onnx"),
            (SENTENCE_TRANSFORMERS, "q8", "onnx/model_qint8_avx512_vnni.onnx"),
            (SENTENCE_TRANSFORMERS, "uint8", "onnx/model_quint8_avx2.onnx"),
            (SENTENCE_TRANSFORMERS, "fp32", "onnx/model.onnx"),
            (SENTENCE_TRANSFORMERS, "fp16", "onnx/model_O4.onnx"),
            (&["model.onnx", "model_optimized.onnx", "model_quantized.onnx"], "auto", "model_quantized.onnx"),
            (&["model_optimized.onnx", "model_O3.onnx"], "auto", "model_optimized.onnx"),
            (&["model.onnx", "onnx/model.onnx"], "auto", "model.onnx"),
            (&["onnx/model.onnx", "onnx/model_fp16.onnx"], "auto", "onnx/model_fp16.onnx"),
            (&["onnx/model.onnx", "onnx/model_q4.onnx"], "auto", "onnx/model.onnx"),
            (&["model_quantized.onnx"], "int8", "model_quantized.onnx"),
            (&["fp32/model.onnx", "int8/model.onnx"], "q8", "int8/model.onnx"),
            (&["fp32/model.onnx", "int8/model.onnx"], "fp32", "fp32/model.onnx"),
            (&["out/model.onnx", "out/model_int4.onnx"], "int4", "out/model_int4.onnx"),
            (&["any name.onnx"], "auto", "any name.onnx"),
            (
                &["0_Transformer/onnx/model.onnx", "0_Transformer/onnx/model_quantized.onnx"],
                "auto",
                "0_Transformer/onnx/model_quantized.onnx",
            ),
            (&["a/model.onnx", "a/model_O3.onnx", "a/onnx/model_fp16.onnx"], "fp32", "a/model.onnx"),
            (&["myonnx/model.onnx", "myonnx/other.onnx"], "auto", "myonnx/model.onnx"),
            (&["onnx/model_bnb4.onnx"], "auto", "onnx/model_bnb4.onnx"),
            (&["small-fp16.onnx", "small-bnb4.onnx"], "auto", "small-fp16.onnx"),
        ] {
            assert_eq!(choose(dtype, folder).unwrap(), expected, "{dtype} of {folder:?}");
        }
        for (folder, expected) in [
            (COMMUNITY, "onnx/model.onnx"),
            (SENTENCE_TRANSFORMERS, "onnx/model.onnx"),
            (&["onnx/model_fp16.onnx", "onnx/model_quantized.onnx"], "onnx/model_fp16.onnx"),
            (&["onnx/model_q4.onnx", "onnx/model_quantized.onnx"], "onnx/model_quantized.onnx"),
        ] {
            assert_eq!(wanted("auto", Precision::F32).choose(folder.iter().copied()).unwrap(), expected);
        }
    }

    #[test]
    fn error_lists_what_exists() {
        for (folder, dtype, code, mentions) in [
            (
                &["onnx/model.onnx", "onnx/model_q4.onnx"][..],
                "q8",
                "MISSING_FILE",
                "onnx/model.onnx (fp32), onnx/model_q4.onnx (q4)",
            ),
            (&["model.onnx"], "fp16", "MISSING_FILE", "model.onnx (fp32)"),
            (&["any.onnx"], "q8", "MISSING_FILE", "any.onnx (unknown)"),
            (&["onnx/model_q4f16.onnx"], "q4", "MISSING_FILE", "(q4f16)"),
            (&["model.onnx", "model_bnb4.onnx"], "q4", "MISSING_FILE", "model_bnb4.onnx (bnb4)"),
            (&["a.onnx", "b.onnx"], "auto", "INVALID_ARGUMENT", "a.onnx, b.onnx"),
            (&["a/model.onnx", "b/model.onnx"], "auto", "INVALID_ARGUMENT", "a/model.onnx, b/model.onnx"),
            (&["int8/model.onnx", "int8/other.onnx"], "fp32", "MISSING_FILE", "int8/model.onnx (int8)"),
            (&["a/int8.onnx", "b/int8.onnx", "c.onnx"], "q8", "INVALID_ARGUMENT", "a/int8.onnx, b/int8.onnx"),
            (&["config.json"], "auto", "MISSING_FILE", "no .onnx file"),
            (
                &["config.json", "0_BERT/model.safetensors"],
                "auto",
                "MISSING_FILE",
                "0_BERT/model.safetensors: convert",
            ),
            (&["pytorch_model-00001-of-00002.bin"], "auto", "MISSING_FILE", "corom convert"),
            (&["training_args.bin"], "auto", "MISSING_FILE", "no .onnx file"),
        ] {
            let error = choose(dtype, folder).unwrap_err();
            assert_eq!(error.code().as_str(), code, "{error}");
            assert!(error.message().contains(mentions), "{error}");
        }
    }

    #[test]
    fn order_without_a_listing_is_that_of_a_listing() {
        for precision in [Precision::Auto, Precision::F32] {
            let wanted = wanted("auto", precision);
            let tried = wanted.tried_paths();
            assert_eq!(tried.len(), TRIED_NAMES.len(), "each of TRIED_NAMES is a usual name");
            for i in 0..tried.len() {
                assert_eq!(wanted.choose(tried[i..].iter().map(String::as_str)).unwrap(), tried[i]);
            }
        }
        assert_eq!(wanted("auto", Precision::Auto).tried_paths(), TRIED_NAMES);
        assert_eq!(wanted("auto", Precision::F32).tried_paths()[..2], ["model.onnx", "onnx/model.onnx"]);
        assert_eq!(
            wanted("q4f16", Precision::Auto).tried_paths(),
            ["model_q4f16.onnx", "onnx/model_q4f16.onnx"]
        );
    }

    #[test]
    fn model_may_not_contradict_dtype() {
        assert!(wanted("q8", Precision::Auto).check_path("onnx/model_fp16.onnx").is_err());
        for (dtype, model) in
            [("auto", "a_fp16.onnx"), ("fp16", "a_fp16.onnx"), ("q8", "a.onnx"), ("q8", "model.onnx")]
        {
            assert!(wanted(dtype, Precision::Auto).check_path(model).is_ok());
        }
    }
}
