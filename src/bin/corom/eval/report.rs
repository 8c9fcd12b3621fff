//! The table that `corom eval` prints.

use std::collections::HashMap;

use corom::error::{Error, Result};
use corom::eval::{Convention, Measure, Qrels, QueryValues, Run, evaluate, paired_bootstrap};
use serde_json::{Map, Value, json};

/// Resamples of the bootstrap, and its seed.
const RESAMPLES: usize = 10_000;
const SEED: u64 = 1;

/// Returns the lines of the report: a table of means by Multi-CPR's convention, the means of the other conventions
/// where they differ, and the differences to the baseline with their intervals.
///
/// # Errors
/// The errors of [`evaluate`].
pub(super) fn lines(
    systems: &[(String, Run)],
    baseline: &str,
    qrels: &Qrels,
    measures: &[Measure],
) -> Result<Vec<String>> {
    let values_of = |name: &str, run: &Run, convention| -> Result<Vec<QueryValues>> {
        measures.iter().map(|&measure| values(name, run, qrels, measure, convention)).collect()
    };
    let width = systems.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max("system".len());
    let header = measures.iter().map(|measure| format!(" {:>10}", measure.to_string())).collect::<String>();
    let mut lines = vec![format!("{:width$}{header}  queries  convention", "system")];
    let mut differences = Vec::new();
    let base = match systems.iter().find(|(name, _)| name == baseline) {
        Some((name, run)) => Some(values_of(name, run, Convention::MULTI_CPR)?),
        None => None,
    };
    for (name, run) in systems {
        let mut shown: Vec<Vec<QueryValues>> = Vec::new();
        for (convention_name, convention) in Convention::NAMED {
            let values = values_of(name, run, convention)?;
            if shown.iter().any(|shown| means(shown) == means(&values)) {
                continue;
            }
            let columns: String = values.iter().map(|values| format!(" {:>10.4}", values.mean())).collect();
            let queries = values.first().map_or(0, |values| values.values.len());
            lines.push(format!("{name:width$}{columns}  {queries:>7}  {convention_name}"));
            shown.push(values);
        }
        if let (Some(base), Some(values)) = (&base, shown.first())
            && name != baseline
        {
            differences.push(difference_line(name, width, base, values));
        }
    }
    if !differences.is_empty() {
        lines.push(String::new());
        lines.push(format!(
            "difference to {baseline}, with the 95 % interval of a paired bootstrap ({RESAMPLES} resamples, seed {SEED})"
        ));
        let header =
            measures.iter().map(|measure| format!("  {:<26}", measure.to_string())).collect::<String>();
        lines.push(format!("{:width$}{}", "system", header.trim_end()));
        lines.extend(differences);
    }
    Ok(lines)
}

/// Returns the mean of each measure by each convention, as JSON.
///
/// # Errors
/// The errors of [`evaluate`].
pub(super) fn json(systems: &[(String, Run)], qrels: &Qrels, measures: &[Measure]) -> Result<String> {
    let mut list = Vec::new();
    for (name, run) in systems {
        let mut by_measure = Map::new();
        for &measure in measures {
            let mut means = Map::new();
            for (convention_name, convention) in Convention::NAMED {
                let mean = values(name, run, qrels, measure, convention)?.mean();
                means.insert(convention_name.to_owned(), json!(mean));
            }
            by_measure.insert(measure.to_string(), Value::Object(means));
        }
        list.push(json!({ "name": name, "measures": by_measure }));
    }
    Ok(format!("{:#}\n", json!({ "systems": list })))
}

/// Computes a measure of a system. An error names the system.
fn values(
    name: &str,
    run: &Run,
    qrels: &Qrels,
    measure: Measure,
    convention: Convention,
) -> Result<QueryValues> {
    evaluate(run, qrels, measure, convention)
        .map_err(|error| Error::new(error.code(), format!("{name}: {error}")))
}

fn means(values: &[QueryValues]) -> Vec<f64> {
    values.iter().map(QueryValues::mean).collect()
}

fn difference_line(name: &str, width: usize, base: &[QueryValues], values: &[QueryValues]) -> String {
    let columns: String = base
        .iter()
        .zip(values)
        .map(|(base, values)| {
            // Only queries that both systems answered are pairs.
            let by_query: HashMap<&str, f64> =
                base.values.iter().map(|(query, value)| (query.as_str(), *value)).collect();
            let mut pairs = (Vec::new(), Vec::new());
            for (query, value) in &values.values {
                if let Some(other) = by_query.get(query.as_str()) {
                    pairs.0.push(*other);
                    pairs.1.push(*value);
                }
            }
            if pairs.0.is_empty() {
                return format!("  {:<26}", "no common query");
            }
            let interval = paired_bootstrap(&pairs.0, &pairs.1, RESAMPLES, SEED);
            format!("  {:+.4} [{:+.4}, {:+.4}]", interval.difference, interval.low, interval.high)
        })
        .collect();
    format!("{name:width$}{}", columns.trim_end())
}
