//! Prompts: texts that a model wants before each text, as `config_sentence_transformers.json` names them.
//!
//! ```
//! use corom::prompts::{PromptChoice, Prompts};
//!
//! let prompts = Prompts {
//!     by_name: [("query".into(), "query: ".into()), ("passage".into(), "passage: ".into())].into(),
//!     default_name: Some("query".into()),
//!     include_prompt: true,
//! };
//! assert_eq!(prompts.resolve(&PromptChoice::Default)?, "query: ");
//! assert_eq!(prompts.resolve(&PromptChoice::Document)?, "passage: ");
//! assert_eq!(prompts.resolve(&PromptChoice::NameOrText("find: ".into()))?, "find: ");
//! assert_eq!(prompts.resolve(&PromptChoice::NameOrText("qery".into())).unwrap_err().code().as_str(), "INVALID_ARGUMENT");
//! # Ok::<(), corom::error::Error>(())
//! ```

use std::collections::BTreeMap;

use crate::error::{Result, fail};

/// The name of a query's prompt in sentence-transformers.
const QUERY: &str = "query";
/// The names of a document's prompt, in the order in which sentence-transformers tries them.
const DOCUMENT: [&str; 3] = ["document", "passage", "corpus"];

/// The prompts of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompts {
    /// The text of each prompt by its name.
    pub by_name: BTreeMap<String, String>,
    /// The name of the prompt of texts for which the caller chooses none.
    pub default_name: Option<String>,
    /// True if the prompt's tokens take part in the pooling.
    pub include_prompt: bool,
}

/// No prompts.
impl Default for Prompts {
    fn default() -> Self {
        Self { by_name: BTreeMap::new(), default_name: None, include_prompt: true }
    }
}

/// The prompt that texts get.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PromptChoice {
    /// The model's default prompt, or none.
    #[default]
    Default,
    /// The prompt of a query: `query`, or none.
    Query,
    /// The prompt of a document: the first of `document`, `passage` and `corpus` that the model has, or
    /// none.
    Document,
    /// The prompt with this name.
    Name(String),
    /// This text.
    Text(String),
    /// The prompt with this name, or else this text.
    NameOrText(String),
}

impl PromptChoice {
    /// Makes the choice that JavaScript passes: the kind `query`, `document`, `name`, `text` or
    /// `nameOrText`, the last three with a value. No kind is the default.
    ///
    /// # Errors
    /// `INTERNAL` for another kind.
    pub fn parse(kind: Option<&str>, value: String) -> Result<Self> {
        Ok(match kind {
            None => Self::Default,
            Some("query") => Self::Query,
            Some("document") => Self::Document,
            Some("name") => Self::Name(value),
            Some("text") => Self::Text(value),
            Some("nameOrText") => Self::NameOrText(value),
            Some(other) => fail!(Internal, "`{other}` is no kind of prompt"),
        })
    }
}

impl Prompts {
    /// Returns the text of a prompt; it is empty if there is none.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the model has no prompt of the name. A
    /// [`NameOrText`](PromptChoice::NameOrText) of ASCII letters, digits, `_`, `-` and `.` alone counts
    /// as a name: as a text it would run into the first word.
    pub fn resolve<'a>(&'a self, choice: &'a PromptChoice) -> Result<&'a str> {
        Ok(match choice {
            PromptChoice::Default => match &self.default_name {
                Some(name) => self.named(name)?,
                None => "",
            },
            PromptChoice::Query => self.find(QUERY).unwrap_or_default(),
            PromptChoice::Document => DOCUMENT.iter().find_map(|name| self.find(name)).unwrap_or_default(),
            PromptChoice::Name(name) => self.named(name)?,
            PromptChoice::Text(text) => text,
            PromptChoice::NameOrText(text) => match self.find(text) {
                Some(prompt) => prompt,
                None if text.is_empty() || !is_name(text) => text,
                None => self.named(text)?,
            },
        })
    }

    /// Checks that the default prompt exists. `file` names the file in the message.
    ///
    /// # Errors
    /// `INVALID_CONFIG` if it does not.
    pub(crate) fn check(self, file: &str) -> Result<Self> {
        match &self.default_name {
            Some(name) if self.find(name).is_none() => fail!(
                InvalidConfig,
                "{file}: default_prompt_name is `{name}`, which prompts does not have; it has {}",
                self.names()
            ),
            _ => Ok(self),
        }
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(String::as_str)
    }

    fn named(&self, name: &str) -> Result<&str> {
        match self.find(name) {
            Some(text) => Ok(text),
            None => fail!(
                InvalidArgument,
                "prompt: the model has no prompt `{name}`; it has {}. For a text before each text, pass {{ text: … }}",
                self.names()
            ),
        }
    }

    fn names(&self) -> String {
        let names: Vec<String> = self.by_name.keys().map(|name| format!("`{name}`")).collect();
        if names.is_empty() { "none".into() } else { names.join(", ") }
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompts(entries: &[(&str, &str)], default_name: Option<&str>) -> Prompts {
        Prompts {
            by_name: entries.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect(),
            default_name: default_name.map(str::to_owned),
            include_prompt: true,
        }
    }

    #[test]
    fn queries_and_documents_never_get_the_default() {
        let own = prompts(&[("clustering", "c: ")], Some("clustering"));
        assert_eq!(own.resolve(&PromptChoice::Default).unwrap(), "c: ");
        assert_eq!(own.resolve(&PromptChoice::Query).unwrap(), "");
        assert_eq!(own.resolve(&PromptChoice::Document).unwrap(), "");
    }

    #[test]
    fn an_empty_document_prompt_goes_before_passage() {
        let own = prompts(&[("passage", "p: "), ("document", "")], None);
        assert_eq!(own.resolve(&PromptChoice::Document).unwrap(), "");
    }

    #[test]
    fn a_string_is_a_name_or_a_text() {
        let own = prompts(&[("query", "q: ")], None);
        let resolve = |text: &str| own.resolve(&PromptChoice::NameOrText(text.into())).map(str::to_owned);
        assert_eq!(resolve("query").unwrap(), "q: ");
        assert_eq!(resolve("").unwrap(), "");
        assert_eq!(resolve("query: ").unwrap(), "query: ");
        assert_eq!(resolve("搜索").unwrap(), "搜索");
        let error = resolve("passage").unwrap_err();
        assert!(error.message().contains("`query`"), "{error}");
        let none = Prompts::default();
        assert!(none.resolve(&PromptChoice::NameOrText("query".into())).is_err());
        assert_eq!(none.resolve(&PromptChoice::Text("query".into())).unwrap(), "query");
    }

    #[test]
    fn the_default_must_exist() {
        assert!(prompts(&[("query", "q: ")], Some("query")).check("f").is_ok());
        assert!(prompts(&[("query", "q: ")], Some("passage")).check("f").is_err());
    }
}
