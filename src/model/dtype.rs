//! The load option `dtype`: which of a folder's exports is loaded, by the number type of its weights.

use crate::error::{Result, fail};

/// The export of a folder that is loaded. See [`LoadOptions::dtype`](super::LoadOptions::dtype).
///
/// The words are those of transformers.js, and those that `corom convert` uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dtype {
    /// The export that fits `precision`: 8 bits first, or f32 first.
    #[default]
    Auto,
    /// `fp32`, `f32`.
    F32,
    /// `fp16`, `f16`.
    F16,
    /// `q8`: any export with 8-bit weights.
    Q8,
    /// `int8`: signed 8-bit weights, or 8-bit weights whose sign the name does not say.
    Int8,
    /// `uint8`: unsigned 8-bit weights.
    Uint8,
    /// `q4`: 4-bit weights, every other number in f32.
    Q4,
    /// `int4`: any export with 4-bit weights.
    Int4,
    /// `q4f16`: 4-bit weights, every other number in float16.
    Q4F16,
}

/// The number type of a file's weights, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileType {
    F32,
    F16,
    /// 8 bits, and the name does not say whether they are signed.
    Q8,
    Int8,
    Uint8,
    Q4,
    Q4F16,
    /// 4 bits of bitsandbytes, which corom does not run.
    Bnb4,
}

impl Dtype {
    /// Parses one of the words.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for another word, and for `bnb4`.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "auto" => Self::Auto,
            "fp32" | "f32" => Self::F32,
            "fp16" | "f16" => Self::F16,
            "q8" => Self::Q8,
            "int8" => Self::Int8,
            "uint8" => Self::Uint8,
            "q4" => Self::Q4,
            "int4" => Self::Int4,
            "q4f16" => Self::Q4F16,
            "bnb4" => fail!(
                InvalidArgument,
                "dtype: corom does not run \"bnb4\", the 4-bit numbers of bitsandbytes; use \"q4\", \"q8\" or \"fp16\""
            ),
            _ => fail!(
                InvalidArgument,
                "dtype: `{name}` is unknown; use auto, fp32 (f32), fp16 (f16), q8, int8, uint8, q4, int4 or q4f16"
            ),
        })
    }

    /// Returns the word, as transformers.js writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F32 => "fp32",
            Self::F16 => "fp16",
            Self::Q8 => "q8",
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Q4 => "q4",
            Self::Int4 => "int4",
            Self::Q4F16 => "q4f16",
        }
    }

    /// Returns true if a file of this type is what the option asks for.
    pub(crate) fn accepts(self, file: FileType) -> bool {
        match self {
            Self::Auto => file != FileType::Bnb4,
            Self::F32 => file == FileType::F32,
            Self::F16 => file == FileType::F16,
            Self::Q8 => matches!(file, FileType::Q8 | FileType::Int8 | FileType::Uint8),
            Self::Int8 => matches!(file, FileType::Q8 | FileType::Int8),
            Self::Uint8 => file == FileType::Uint8,
            Self::Q4 => file == FileType::Q4,
            Self::Int4 => matches!(file, FileType::Q4 | FileType::Q4F16),
            Self::Q4F16 => file == FileType::Q4F16,
        }
    }

    /// Checks the option against the number type in a manifest, whose folder has one file.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if they differ.
    pub(super) fn check_manifest(self, dtype: &str) -> Result<()> {
        let accepted = match dtype {
            _ if self == Self::Auto => true,
            "f32" => self.accepts(FileType::F32),
            "f16" => self.accepts(FileType::F16),
            "int8" => self.accepts(FileType::Int8),
            "int4" => self.accepts(FileType::Q4),
            _ => false,
        };
        if !accepted {
            fail!(
                InvalidArgument,
                "dtype: got \"{}\", but corom.json says that the folder's one model is {dtype}: omit dtype, convert the \
                 model with another --dtype, or name another file of the folder (`model`)",
                self.as_str()
            );
        }
        Ok(())
    }
}

impl FileType {
    /// Returns the word of the type, for messages.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "fp32",
            Self::F16 => "fp16",
            Self::Q8 => "q8",
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Q4 => "q4",
            Self::Q4F16 => "q4f16",
            Self::Bnb4 => "bnb4",
        }
    }

    /// Reads the type from a path: from the words of the file's name or, if they do not say, from those of
    /// the nearest folder that does. Returns `None` if no word does; `model.onnx` alone says nothing.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        path.rsplit('/').find_map(Self::of_name)
    }

    fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let has =
            |words: &[&str]| name.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| words.contains(&w));
        // Weights first: `model_q4_fp16` has 4-bit weights.
        let types: [(&[&str], Self); 8] = [
            (&["bnb4"], Self::Bnb4),
            (&["q4f16"], Self::Q4F16),
            (&["q4", "int4", "uint4", "qint4", "quint4"], Self::Q4),
            (&["uint8", "quint8"], Self::Uint8),
            (&["int8", "qint8"], Self::Int8),
            (&["q8", "quantized", "quant"], Self::Q8),
            (&["fp16", "f16", "float16", "half", "o4"], Self::F16),
            (&["fp32", "f32", "float32"], Self::F32),
        ];
        types.into_iter().find(|(words, _)| has(words)).map(|(_, kind)| kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parsed_and_bnb4_is_named() {
        for word in ["auto", "fp32", "fp16", "q8", "int8", "uint8", "q4", "int4", "q4f16"] {
            assert_eq!(Dtype::parse(word).unwrap().as_str(), word);
        }
        assert_eq!((Dtype::parse("f32").unwrap(), Dtype::parse("f16").unwrap()), (Dtype::F32, Dtype::F16));
        for wrong in ["bnb4", "fp8", "Q8", ""] {
            let error = Dtype::parse(wrong).unwrap_err();
            assert!(
                error.code().as_str() == "INVALID_ARGUMENT" && error.message().contains(wrong),
                "{error}"
            );
        }
    }

    #[test]
    fn type_is_read_from_words_of_the_path() {
        for (path, expected) in [
            ("onnx/model_quantized.onnx", Some(FileType::Q8)),
            ("model_qint8_avx512_vnni.onnx", Some(FileType::Int8)),
            ("model_quint8_avx2.onnx", Some(FileType::Uint8)),
            ("onnx/model_q4f16.onnx", Some(FileType::Q4F16)),
            ("onnx/model_O4.onnx", Some(FileType::F16)),
            ("model_O3.onnx", None),
            ("model.onnx", None),
            ("int8/model.onnx", Some(FileType::Int8)),
            ("cpu-int4-block-32/model.onnx", Some(FileType::Q4)),
            ("fp16/model_int8.onnx", Some(FileType::Int8)),
            ("bge-small.FP16.onnx", Some(FileType::F16)),
            ("onnx/sentence_transformers_quantized.onnx", Some(FileType::Q8)),
            ("model_bnb4.onnx", Some(FileType::Bnb4)),
            ("print8.onnx", None),
        ] {
            assert_eq!(FileType::of_path(path), expected, "{path}");
        }
    }
}
