//! `corom index`: builds catalogs, changes them, and searches them.

mod input;
mod model;
mod spill;
mod store;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use corom::error::Result;
use corom::index::{Catalog, RowKind};
use corom::index_build::{
    BuildOptions, Change, CodesOption, ItemReader, build, build_to, check_field, compact, delta, describe,
    first_build, read_request, record_of,
};

use crate::fail;
use crate::output::print_line;
use model::{ItemModelArgs, ModelArgs};
use store::Store;

/// Arguments of `corom index`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Build a catalog folder from items
    Build {
        /// The items: JSON records (.jsonl, .ndjson, or - for standard input), a table with a header (.tsv, .csv), or columns
        /// (.parquet, .arrow, .arrows)
        items: PathBuf,
        /// The catalog folder to write
        catalog: PathBuf,
        /// The schema: JSON with "fields", "attributes", "stored" and "vectors"
        #[arg(long)]
        schema: PathBuf,
        #[command(flatten)]
        model: ItemModelArgs,
        /// Synonyms: one group per line, words separated by commas
        #[arg(long)]
        synonyms: Option<PathBuf>,
        /// Write codes of one bit per dimension, for a first pass [auto: from 100,000 items on]
        #[arg(long, value_enum, default_value_t = Codes::Auto)]
        codes: Codes,
        /// Bits per dimension of the vectors: int8; int4 in half the bytes; 1bit: codes alone
        #[arg(long, value_enum, default_value_t = Vectors::Int8)]
        vectors: Vectors,
        /// Replace the catalog if there is one
        #[arg(long)]
        force: bool,
    },
    /// Add items, or replace those with the same ids
    Add {
        /// The catalog folder
        catalog: PathBuf,
        /// The items: JSON records (.jsonl, .ndjson, or - for standard input), a table with a header (.tsv, .csv), or columns
        /// (.parquet, .arrow, .arrows)
        items: PathBuf,
        #[command(flatten)]
        model: ItemModelArgs,
    },
    /// Change attributes: a price, a stock
    Patch {
        /// The catalog folder
        catalog: PathBuf,
        /// JSON: {"id": {"attribute": value}}; null removes a value
        patches: PathBuf,
    },
    /// Remove items
    Remove {
        /// The catalog folder
        catalog: PathBuf,
        /// The ids of the items
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Merge the changes into one file
    Compact {
        /// The catalog folder
        catalog: PathBuf,
    },
    /// Show the schema and the size of each section
    Info {
        /// The catalog folder
        catalog: PathBuf,
    },
    /// Search: print the result as JSON
    Search {
        /// The catalog folder
        catalog: PathBuf,
        /// The text to search for
        query: String,
        #[command(flatten)]
        model: ModelArgs,
        /// The number of hits [default: 10]
        #[arg(short = 'k', long, value_name = "N")]
        top_k: Option<usize>,
        /// More of the request, as JSON: {"filter": {"price": {"lt": 100}}}
        #[arg(long, default_value = "{}")]
        request: String,
    },
    /// Print every item, one JSON record per line
    Export {
        /// The catalog folder
        catalog: PathBuf,
    },
}

/// [`CodesOption`] as the command line shows it.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Codes {
    Auto,
    Yes,
    No,
}

/// [`RowKind`] as the command line shows it.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Vectors {
    Int8,
    Int4,
    #[value(name = "1bit")]
    OneBit,
}

/// Runs `corom index`.
///
/// # Errors
/// The errors of the input files, of [`Store`], and of the builder.
pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.command {
        Command::Build { items, catalog, schema, model, synonyms, codes, vectors, force } => {
            let (mut schema, stored) = input::schema(schema)?;
            check_field(&schema, model.field())?;
            let has_vectors = schema.vectors.is_some() || model.is_given();
            if !has_vectors && (matches!(codes, Codes::Yes) || !matches!(vectors, Vectors::Int8)) {
                fail!(InvalidArgument, "--codes, --vectors: the catalog has no vectors; add --model");
            }
            let store = Store::create(catalog, *force)?;
            let mut spill = store.spill()?;
            let (source, mut items) = (items, Vec::new());
            let mut reader = ItemReader::new(schema.clone(), stored.clone(), model.is_given());
            input::items(source, &mut reader, &mut |mut item| {
                if let Some(vector) = item.vector.take() {
                    spill.append(&vector, vector.len())?;
                }
                items.push(item);
                Ok(())
            })?;
            let synonyms = synonyms.as_ref().map_or(Ok(Vec::new()), |path| input::synonyms(path))?;
            let codes = match codes {
                Codes::Auto => CodesOption::Auto,
                Codes::Yes => CodesOption::Yes,
                Codes::No => CodesOption::No,
            };
            let with_queries = codes.applies_to(items.len());
            let queries = model.embed(&mut schema, &items, with_queries, &mut |vectors, dimension| {
                spill.append(vectors, dimension)
            })?;
            if let Some(space) = &mut schema.vectors {
                space.rows = match vectors {
                    Vectors::Int8 => RowKind::Int8,
                    Vectors::Int4 => RowKind::Int4,
                    Vectors::OneBit => RowKind::None,
                };
            }
            let options = BuildOptions { synonyms, codes, queries };
            let write = |file: &mut _| build_to(file, &schema, &items, &mut spill, &options);
            let bytes = store.replace(write, &stored)?;
            if let Some(warning) = reader.warning() {
                eprintln!("warning: {}: {warning}", source.display());
            }
            print_line(format_args!("{}: {} items, {bytes} bytes", catalog.display(), items.len()));
            Ok(())
        }
        Command::Add { catalog, items: source, model } => {
            let store = Store::lock(catalog)?;
            let current = store.open()?;
            let mut schema = current.schema().clone();
            schema.items = current.len() as u32;
            if schema.vectors.is_none() && model.is_given() {
                fail!(InvalidArgument, "--model: the catalog has no vectors; build it with --model");
            }
            let mut items = Vec::new();
            let mut reader = ItemReader::new(schema.clone(), store.stored()?, model.is_given());
            input::items(source, &mut reader, &mut |item| {
                items.push(item);
                Ok(())
            })?;
            let first = if items.is_empty() { None } else { first_build(&current)? };
            let with_queries = first.as_ref().is_some_and(|options| options.codes.applies_to(items.len()));
            let mut vectors = Vec::new();
            let queries = model.embed(&mut schema, &items, with_queries, &mut |part, dimension| {
                vectors.extend(part.chunks_exact(dimension).map(<[f32]>::to_vec));
                Ok(())
            })?;
            items.iter_mut().zip(vectors).for_each(|(item, vector)| item.vector = Some(vector));
            let Some(options) = first else {
                return append(&store, current, &Change { items, ..Default::default() });
            };
            let file = build(&schema, &items, &BuildOptions { queries, ..options })?;
            replace(&store, catalog, &current, &file)
        }
        Command::Patch { catalog, patches } => {
            let store = Store::lock(catalog)?;
            let change = match Change::patches(input::json(patches)?) {
                Ok(change) => change,
                Err(error) => fail!(InvalidArgument, "{}: {error}", patches.display()),
            };
            append(&store, store.open()?, &change)
        }
        Command::Remove { catalog, ids } => {
            let store = Store::lock(catalog)?;
            let removals = ids.iter().cloned().collect();
            append(&store, store.open()?, &Change { removals, ..Default::default() })
        }
        Command::Compact { catalog } => {
            let store = Store::lock(catalog)?;
            let current = store.open()?;
            let file = compact(&current)?;
            replace(&store, catalog, &current, &file)
        }
        Command::Info { catalog } => {
            print_line(describe(&store::read(catalog)?));
            Ok(())
        }
        Command::Search { catalog, query, model, top_k, request } => {
            search(&store::read(catalog)?, query, model, *top_k, request)
        }
        Command::Export { catalog } => {
            let catalog = store::read(catalog)?;
            for id in catalog.ids()? {
                if let Some(item) = catalog.item(id)? {
                    print_line(record_of(item));
                }
            }
            Ok(())
        }
    }
}

/// Replaces the files of a catalog by one.
fn replace(store: &Store, folder: &Path, current: &Catalog, file: &[u8]) -> Result<()> {
    store.check_unchanged(current)?;
    let write = |out: &mut File| out.write_all(file).map_err(|error| store::failed(folder, &error));
    let bytes = store.replace(write, &store.stored()?)?;
    print_line(format_args!("{}: {bytes} bytes", folder.display()));
    Ok(())
}

fn append(store: &Store, catalog: Catalog, change: &Change) -> Result<()> {
    let file = delta(&catalog, change)?;
    if !file.is_empty() {
        store.append(catalog, &file)?;
    }
    print_line(format_args!("{} bytes added", file.len()));
    Ok(())
}

fn search(
    catalog: &Catalog,
    query: &str,
    model: &ModelArgs,
    top_k: Option<usize>,
    request: &str,
) -> Result<()> {
    let request = match read_request(request, query, top_k) {
        Ok(request) => request,
        Err(error) => fail!(InvalidArgument, "--request: {error}"),
    };
    // An empty query browses, as in `corom/search`.
    let vector = if query.trim().is_empty() { None } else { model.embed(query, catalog.schema())? };
    let result = catalog.search(&request, vector.as_deref())?;
    print_line(serde_json::to_string_pretty(&result).unwrap_or_default());
    Ok(())
}
