//! The meaning of a model folder: for each setting, the source that decides it.
//!
//! The first source that states a setting decides. The loader and the converter both use this table, so a
//! folder has one meaning.
//!
//! | | pooling | head | normalize | max_length | metric | prompts |
//! |---|---|---|---|---|---|---|
//! | 1 caller | `pooling` | `ignoreHead`: none | `normalize` | `maxLength` | | |
//! | 2 `corom.json` | `pooling` | `head` | `normalize` | `max_length` | `metric`, else `dot` | `prompts`, `default_prompt_name`, `include_prompt` |
//! | 3 ModelScope's `configuration.json` | `model.emb_pooler_type` | none, if it states a pooling | `model.normalize` | `preprocessor.max_length`, `.sequence_length` | | |
//! | 4 sentence-transformers' files | `modules.json`, the Pooling module's `config.json` | `modules.json`: the modules after Pooling | `modules.json`: a Normalize module at the end | `sentence_bert_config.json`: `max_seq_length` | `config_sentence_transformers.json`: `similarity_fn_name` | `config_sentence_transformers.json`, the Pooling module's `include_prompt` |
//! | 5 ModelScope's pipeline | | | | 128 | `dot` | |
//! | 6 Hugging Face's files | `config.json`: `uniem_pooling_strategy`, `uniem_embedding_strategy` | | | `tokenizer_config.json`: `model_max_length` | | |
//! | 7 graph | its sentence vector | none | | its most tokens, if they are fewer | | |
//! | 8 CoROM's default | `cls` | | | | | |
//! | 9 otherwise | `POOLING_UNKNOWN` | none | false | `config.json`: `max_position_embeddings` | `cosine` | none |
//!
//! Rows 5 and 8 apply only if `configuration.json` has the task `sentence-embedding`: CoROM's own folders. For
//! `text-ranking` row 5 has the length alone. ModelScope's pipelines for both tasks cut texts at 128 tokens
//! whatever `tokenizer_config.json` says, so row 5 comes before row 6. `max_length` is never larger than the
//! number of positions, and names the file that limits it.
//!
//! The files of the encoder, `config.json` and the tokenizer's, lie in the folder of sentence-transformers'
//! Transformer module if that has a `config.json` ([`encoder_folder`]), else at the top.
//!
//! `Settings` knows rows 1 to 6 and 8. The graph is asked by the loader (`output_choice.rs`), because a
//! converter has none.

mod classifier;
mod corom_json;
mod decided;
mod decisions;
mod files;
mod head_module;
mod head_weights;
mod hugging_face;
mod modelscope;
mod output_choice;
mod requests;
mod sentence_transformers;
mod source_settings;
mod table;

pub(crate) use classifier::ClassifierSettings;
pub(crate) use decided::{Decided, SettingSource};
pub(crate) use decisions::ModelDecisions;
pub use head_module::HeadModule;
#[cfg(feature = "convert")]
pub(crate) use head_weights::HeadTensors;
pub(crate) use head_weights::read_head;
pub(crate) use output_choice::{OutputChoice, check_inside};
pub(crate) use requests::{SIDE_FILES, module_files};
pub(crate) use sentence_transformers::{MODULES, encoder_folder, file_in, transformer_folder};
pub(crate) use table::{CallerSettings, Settings};
