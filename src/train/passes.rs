//! Divides the texts of a step into passes of similar length, and computes the gradients of all together.
//!
//! The loss of a step depends on all of its texts, because each query is compared with the passages of the others. If
//! the tokens fit into `max_tokens`, the graphs of all passes are kept for one backward pass. Otherwise the rows are
//! computed first without a graph, then the gradient of the loss by the rows, then each pass again with its graph (Gao
//! and others, 2021, "Scaling deep contrastive learning batch size under memory limited setup"). Both ways give the same
//! gradients up to rounding. The dropout of a text does not depend on its pass.

use candle_core::{Device, Result, Tensor, Var};

use super::bert::Padded;
use super::dropout::Dropout;
use super::gradients::Gradients;
use super::model::Model;
use crate::tokenizer::Encoding;

/// The most tokens of one pass, padding included, unless one text has more.
const PASS_TOKENS: usize = 2048;
/// Padding may be one part in so many of a pass.
const MAX_PADDING: usize = 8;

/// Computes a loss of rows `[texts, width]`.
pub(super) type LossOfRows<'a> = &'a dyn Fn(&Tensor) -> Result<Tensor>;

/// Returns the loss and the gradients of the model's parameters.
pub(super) fn loss_and_gradients(
    model: &Model,
    texts: &[Encoding],
    loss: LossOfRows,
    dropout: Option<Dropout>,
    max_tokens: usize,
) -> Result<(f32, Gradients)> {
    let passes = divide(texts, max_tokens.min(PASS_TOKENS));
    let mut gradients = Gradients::default();
    let tokens: usize = passes.iter().map(|pass| padded_tokens(texts, pass)).sum();
    if tokens <= max_tokens || passes.len() == 1 {
        let rows = rows(model, texts, &passes, dropout, false)?;
        let loss = loss(&rows)?;
        gradients.add(model.parameters(), &loss.backward()?)?;
        return Ok((loss.to_scalar()?, gradients));
    }
    let rows = Var::from_tensor(&rows(model, texts, &passes, dropout, true)?)?;
    let loss = loss(&rows)?;
    let found = loss.backward()?;
    let Some(by_rows) = found.get(rows.as_tensor()) else { return Ok((loss.to_scalar()?, gradients)) };
    for pass in &passes {
        let rows = model.rows(&pad(texts, pass)?, dropout)?;
        let own = by_rows.index_select(&indices(pass)?, 0)?;
        gradients.add(model.parameters(), &(rows * own)?.sum_all()?.backward()?)?;
    }
    Ok((loss.to_scalar()?, gradients))
}

/// Returns the rows of all texts in their order. With `detached` no graph is kept.
fn rows(
    model: &Model,
    texts: &[Encoding],
    passes: &[Vec<usize>],
    dropout: Option<Dropout>,
    detached: bool,
) -> Result<Tensor> {
    let mut parts = Vec::with_capacity(passes.len());
    for pass in passes {
        let part = model.rows(&pad(texts, pass)?, dropout)?;
        parts.push(if detached { part.detach() } else { part });
    }
    let mut place = vec![0; texts.len()];
    passes.iter().flatten().enumerate().for_each(|(at, &text)| place[text] = at);
    Tensor::cat(&parts, 0)?.index_select(&indices(&place)?, 0)
}

/// Divides texts, long ones first, into passes of at most `max_tokens` with little padding.
fn divide(texts: &[Encoding], max_tokens: usize) -> Vec<Vec<usize>> {
    let length = |text: usize| texts[text].input_ids.len();
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|&text| std::cmp::Reverse(length(text)));
    let mut passes: Vec<Vec<usize>> = Vec::new();
    let mut padding = 0;
    for text in order {
        if let Some(pass) = passes.last_mut() {
            let longest = length(pass[0]);
            let tokens = longest * (pass.len() + 1);
            let more = padding + longest - length(text);
            if tokens <= max_tokens && (more <= tokens / MAX_PADDING || tokens <= max_tokens / MAX_PADDING) {
                pass.push(text);
                padding = more;
                continue;
            }
        }
        passes.push(vec![text]);
        padding = 0;
    }
    passes
}

fn padded_tokens(texts: &[Encoding], pass: &[usize]) -> usize {
    pass.len() * pass.first().map_or(0, |&longest| texts[longest].input_ids.len())
}

fn indices(numbers: &[usize]) -> Result<Tensor> {
    Tensor::from_vec(numbers.iter().map(|&i| i as u32).collect(), numbers.len(), &Device::Cpu)
}

/// Pads the texts of a pass to the first, which is the longest.
fn pad(texts: &[Encoding], pass: &[usize]) -> Result<Padded> {
    let longest = padded_tokens(texts, &pass[..1]);
    let shape = (pass.len(), longest);
    let fill = |row: &dyn Fn(&Encoding) -> Vec<u32>| {
        let mut all = Vec::with_capacity(pass.len() * longest);
        for &text in pass {
            all.extend(row(&texts[text]));
            all.resize(all.len().next_multiple_of(longest), 0);
        }
        Tensor::from_vec(all, shape, &Device::Cpu)
    };
    Ok(Padded {
        ids: fill(&|text| text.input_ids.clone())?,
        types: fill(&|text| text.token_type_ids.clone())?,
        mask: fill(&|text| vec![1; text.input_ids.len()])?.to_dtype(candle_core::DType::F32)?,
        texts: pass.to_vec(),
    })
}
