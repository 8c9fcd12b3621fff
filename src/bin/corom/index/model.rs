//! The model that embeds the texts of a catalog and its queries.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::slice;

use corom::error::Result;
use corom::index::{ModelId, RowKind, Schema, SpaceMetric, VectorSpace};
use corom::index_build::{Item, query_texts, use_model, use_text};
use corom::prompts::PromptChoice;
use corom::similarity::Metric;

use crate::embed::Quality;
use crate::engine::Engine;
use crate::fail;

/// Vectors that are in memory at the same time.
const ITEMS_AT_ONCE: usize = 4096;

/// The options of a model.
#[derive(Debug, clap::Args)]
pub(super) struct ModelArgs {
    /// The model folder: embeds the texts, so that searches find what they mean
    #[arg(long, short)]
    model: Option<PathBuf>,
    /// One of the model's prompts, or a text before each text [default: for items that of the catalog, or else the model's; for queries the model's]
    #[arg(long, value_name = "NAME|TEXT", requires = "model")]
    prompt: Option<String>,
}

/// The options of a model that embeds items.
#[derive(Debug, clap::Args)]
pub(super) struct ItemModelArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The field that is embedded [default: that of the catalog, or else the first one]
    #[arg(long, value_name = "FIELD", requires = "model")]
    text: Option<String>,
    /// Threads that embed, each with the model in memory [default: one per core]
    #[arg(long, value_name = "N", requires = "model")]
    threads: Option<NonZeroUsize>,
}

impl ModelArgs {
    fn load(&self, threads: NonZeroUsize, prompts: &[PromptChoice]) -> Result<Option<Engine>> {
        let Some(model) = &self.model else { return Ok(None) };
        Engine::load(model, Quality::Exact.load_options(None), prompts, threads).map(Some)
    }

    /// Returns the prompt that the user chose, or else the model's own.
    fn prompt(&self, own: PromptChoice) -> PromptChoice {
        self.prompt.clone().map_or(own, PromptChoice::NameOrText)
    }

    /// Embeds a query for a catalog, if there is a model.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a catalog without vectors, `MODEL_MISMATCH` if they are another model's, and those of
    /// [`Engine`].
    pub(super) fn embed(&self, query: &str, schema: &Schema) -> Result<Option<Vec<f32>>> {
        let prompt = self.prompt(PromptChoice::Query);
        let Some(mut engine) = self.load(NonZeroUsize::MIN, slice::from_ref(&prompt))? else {
            return Ok(None);
        };
        let Some(space) = &schema.vectors else {
            fail!(InvalidArgument, "--model: the catalog has no vectors; build it with --model")
        };
        let [lineage, teacher] = lineages(&engine);
        let (lineage, distilled_from) = (lineage.as_deref(), teacher.as_deref());
        if !space.check_query_model(&ModelId { dimension: engine.dimension, lineage, distilled_from })? {
            warn(&engine);
        }
        let embedded = engine.embed(&[query], &prompt, |_| {})?;
        match embedded.failed.into_iter().next() {
            Some((_, reason)) => fail!(InvalidArgument, "the query {reason}"),
            None => Ok(Some(embedded.data)),
        }
    }
}

impl ItemModelArgs {
    /// Returns true if a model is given.
    pub(super) fn is_given(&self) -> bool {
        self.model.model.is_some()
    }

    /// Returns the field that the user chose.
    pub(super) fn field(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Embeds items, if there is a model, and passes the vectors of a part of them at a time to `take`, with their
    /// dimension. The schema gets the model's vectors and the text that is embedded, unless it has them. Returns vectors of pieces of the texts, which stand for
    /// queries, if `with_queries`.
    ///
    /// # Errors
    /// The errors of `take`; `INVALID_ARGUMENT` if the metric, field or prompt differs, `MODEL_MISMATCH` if the vectors of the schema are another
    /// model's, and those of [`Engine`].
    pub(super) fn embed(
        &self,
        schema: &mut Schema,
        items: &[Item],
        with_queries: bool,
        take: &mut dyn FnMut(&[f32], usize) -> Result<()>,
    ) -> Result<Vec<Vec<f32>>> {
        let threads = self.threads.or_else(|| std::thread::available_parallelism().ok());
        let prompts = [self.model.prompt(PromptChoice::Document), PromptChoice::Query];
        let Some(mut engine) = self.model.load(threads.unwrap_or(NonZeroUsize::MIN), &prompts)? else {
            return Ok(Vec::new());
        };
        let [_, teacher] = lineages(&engine);
        if !use_model(schema, space(&engine)?, teacher.as_deref())? {
            warn(&engine);
        }
        let chosen = self.model.prompt.as_ref().map(|_| engine.prompt(&prompts[0])).transpose()?;
        let own = engine.prompt(&PromptChoice::Document)?;
        let text = use_text(schema, self.text.as_deref(), chosen.as_deref(), &own)?;
        if let Some(warning) = &text.warning {
            eprintln!("warning: {warning}");
        }
        let (field, prompt) = (text.field, PromptChoice::Text(text.prompt));
        for part in items.chunks(ITEMS_AT_ONCE) {
            let texts: Vec<&str> = part.iter().map(|item| item.texts[field].as_str()).collect();
            let embedded = engine.embed(&texts, &prompt, |_| {})?;
            if let Some((item, reason)) = embedded.failed.first() {
                fail!(InvalidArgument, "item {:?}: {:?} {reason}", part[*item].id, schema.fields[field].name);
            }
            take(&embedded.data, engine.dimension)?;
        }
        let pieces = if with_queries { query_texts(items, field) } else { Vec::new() };
        let texts: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let embedded = engine.embed(&texts, &prompts[1], |_| {})?;
        Ok(embedded.data.chunks_exact(engine.dimension).map(<[f32]>::to_vec).collect())
    }
}

/// Warns that another model would not be noticed.
fn warn(engine: &Engine) {
    let which = if engine.lineage.is_some() { "the catalog" } else { "the model folder" };
    eprintln!(
        "warning: {which} has no lineage, so vectors of another model with {} dimensions would not be noticed; `corom \
         convert` writes the lineage of a model",
        engine.dimension
    );
}

/// Returns the lineages of a model and of its teacher.
fn lineages(engine: &Engine) -> [Option<String>; 2] {
    [&engine.lineage, &engine.distilled_from].map(|lineage| lineage.as_ref().map(ToString::to_string))
}

fn space(engine: &Engine) -> Result<VectorSpace> {
    let metric = match engine.metric {
        Metric::Dot => SpaceMetric::Dot,
        Metric::Cosine => SpaceMetric::Cosine,
        Metric::L2 => SpaceMetric::L2,
        Metric::L1 => {
            fail!(InvalidArgument, "--model: its metric is l1; catalogs are searched by dot, cosine or l2")
        }
    };
    let lineage = engine.lineage.as_ref().map(ToString::to_string);
    Ok(VectorSpace {
        dimension: engine.dimension,
        metric,
        lineage,
        text: None,
        rows: RowKind::Int8,
        oversampling: 0,
    })
}
