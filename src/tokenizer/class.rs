//! The tokenizer class of transformers that a folder has, as `AutoTokenizer` of transformers 5 decides.
//!
//! A class either takes `tokenizer.json` as it is (`TokenizersBackend`, 4.x: `PreTrainedTokenizerFast`), or takes
//! the vocabulary and its added tokens from the file and makes everything else from the settings in
//! `tokenizer_config.json`. BERT's class does the latter: without `do_lower_case` it lower-cases, whatever
//! `tokenizer.json` says. transformers 4.x changed the file's own normalizer to the same settings instead, which
//! gives the same tokens unless the file has parts that no BERT has.

use serde_json::{Map, Value};

use crate::error::{Result, fail};

/// The classes that corom knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenizerClass {
    /// `BertTokenizer` and its other names.
    Bert,
    /// `XLMRobertaTokenizer`.
    XlmRoberta,
    /// `RobertaTokenizer`.
    Roberta,
    /// `tokenizer.json` as it is.
    File,
}

/// Classes that are BERT's under another name.
const BERT_CLASSES: [&str; 9] = [
    "BertTokenizer",
    "DistilBertTokenizer",
    "ElectraTokenizer",
    "ConvBertTokenizer",
    "MobileBertTokenizer",
    "SqueezeBertTokenizer",
    "LayoutLMTokenizer",
    "DPRContextEncoderTokenizer",
    "DPRQuestionEncoderTokenizer",
];

/// Models whose own class is BERT's.
const BERT_MODELS: [&str; 13] = [
    "bert",
    "convbert",
    "distilbert",
    "electra",
    "ernie",
    "layoutlm",
    "megatron-bert",
    "mobilebert",
    "nezha",
    "nomic_bert",
    "retribert",
    "squeezebert",
    "visual_bert",
];

/// Classes that build a tokenizer by rules of their own.
const OTHER_CLASSES: [&str; 16] = [
    "AlbertTokenizer",
    "BarthezTokenizer",
    "BertGenerationTokenizer",
    "BertJapaneseTokenizer",
    "BertweetTokenizer",
    "BigBirdTokenizer",
    "CamembertTokenizer",
    "DebertaTokenizer",
    "DebertaV2Tokenizer",
    "FunnelTokenizer",
    "HerbertTokenizer",
    "MPNetTokenizer",
    "PhobertTokenizer",
    "RemBertTokenizer",
    "RoCBertTokenizer",
    "RoFormerTokenizer",
];

impl TokenizerClass {
    /// Decides by `tokenizer_class` in `tokenizer_config.json`, then by `tokenizer_class` and `model_type` in
    /// `config.json`.
    ///
    /// # Errors
    /// `UNSUPPORTED_MODEL` for a class that builds its tokenizer by rules that corom does not have.
    pub(super) fn of(config: &Map<String, Value>, model_config: &Map<String, Value>) -> Result<Self> {
        let text =
            |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
        let named = [("tokenizer_config.json", config), ("config.json", model_config)]
            .into_iter()
            .find_map(|(file, map)| Some((file, text(map, "tokenizer_class")?)));
        let Some((file, name)) = named else {
            return Ok(match text(model_config, "model_type").as_deref() {
                Some(model) if BERT_MODELS.contains(&model) => Self::Bert,
                Some("xlm-roberta") => Self::XlmRoberta,
                Some("roberta") => Self::Roberta,
                _ => Self::File,
            });
        };
        let name = name.strip_suffix("Fast").unwrap_or(&name);
        Ok(match name {
            _ if BERT_CLASSES.contains(&name) => Self::Bert,
            "XLMRobertaTokenizer" => Self::XlmRoberta,
            "RobertaTokenizer" => Self::Roberta,
            _ if OTHER_CLASSES.contains(&name) => fail!(
                UnsupportedModel,
                "{file}: tokenizer_class is {name}, which builds its tokenizer by rules that corom does not have; expected \
                 BertTokenizer, XLMRobertaTokenizer, RobertaTokenizer, or PreTrainedTokenizerFast for a tokenizer.json \
                 that is used as it is"
            ),
            _ => Self::File,
        })
    }
}
