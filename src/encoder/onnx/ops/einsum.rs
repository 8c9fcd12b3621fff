//! Translates `Einsum` of one or two inputs.

use crate::encoder::graph::ops::einsum::EinSum;
use crate::encoder::graph::prelude::*;
use crate::encoder::onnx::node_context::{NodeContext, NodeOutputs};
use crate::encoder::onnx::typed_graph_builder::TypedGraphBuilder;
use crate::encoder::onnx::value::Value;
use crate::error::Result;

/// Splits an equation into the letters of each input and of the output. Returns `None` for an ellipsis, for a letter
/// that an operand has twice, and for anything else that is no list of letters.
fn letters(equation: &str) -> Option<(Vec<String>, String)> {
    let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output.to_owned())),
        None => (&equation[..], None),
    };
    let inputs: Vec<String> = inputs.split(',').map(str::to_owned).collect();
    // Without an output, it has the letters that occur once, sorted.
    let output = output.unwrap_or_else(|| {
        let mut once: Vec<char> = inputs.iter().flat_map(|i| i.chars()).collect();
        let all = once.clone();
        once.retain(|c| all.iter().filter(|other| *other == c).count() == 1);
        once.sort_unstable();
        once.into_iter().collect()
    });
    let is_valid = |text: &String| {
        text.chars().enumerate().all(|(i, c)| c.is_ascii_alphabetic() && !text[..i].contains(c))
    };
    let known = output.chars().all(|c| inputs.iter().any(|i| i.contains(c)));
    (inputs.iter().all(is_valid) && is_valid(&output) && known).then_some((inputs, output))
}

pub(crate) fn einsum(ctx: &mut NodeContext) -> NodeOutputs {
    let equation = ctx.node.string_or("equation", "")?;
    let Some((inputs, output)) = letters(equation) else {
        return Err(ctx.builder.unsupported(format_args!("the equation `{equation}`")));
    };
    let values = (0..ctx.inputs.len()).map(|i| ctx.input(i)).collect::<Result<Vec<_>>>()?;
    if values.len() > 2 || values.iter().any(|v| v.datum_type() != DatumType::F32) {
        return Err(ctx.builder.unsupported("more than two inputs, or inputs that are not float"));
    }
    let mut lengths: Vec<(char, TDim)> = Vec::new();
    for (value, letters) in values.iter().zip(&inputs) {
        if value.rank() != letters.len() {
            return Err(ctx.builder.invalid(format_args!("`{equation}` does not match {:?}", value.dims())));
        }
        for (letter, length) in letters.chars().zip(value.dims()) {
            match lengths.iter().find(|(l, _)| *l == letter) {
                Some((_, other)) if *other != length => {
                    return Err(ctx
                        .builder
                        .invalid(format_args!("`{equation}`: {letter} is {other} and {length}")));
                }
                Some(_) => {}
                None => lengths.push((letter, length)),
            }
        }
    }
    if values.len() != inputs.len() {
        return Err(ctx.builder.invalid(format_args!("`{equation}` has {} inputs", inputs.len())));
    }
    if let ([x, w], [x_letters, w_letters]) = (&values[..], &inputs[..])
        && let Some(contracted) = matrix_product(x_letters, w_letters, &output)
    {
        return Ok(tvec!(product(ctx.builder, x, w, contracted)?));
    }
    // The operand that has the last axis of the result alone comes second, as in a matrix product: then the
    // scores of attention are those of queries and keys, in this order.
    let (mut values, mut inputs): (Vec<_>, _) = (values.iter().collect(), inputs);
    if let [first, second] = &inputs[..]
        && output.chars().last().is_some_and(|last| first.contains(last) && !second.contains(last))
    {
        values.reverse();
        inputs.reverse();
    }
    Ok(tvec!(ctx.builder.wire(EinSum::new(&inputs, output), &values)?))
}

/// Returns the number of contracted letters if an equation is a matrix product of `x` and `w` once their axes are
/// joined: the last axes of `x` are the first ones of `w`, and the others are those of the output, in order.
fn matrix_product(x: &str, w: &str, output: &str) -> Option<usize> {
    let contracted = w.chars().take_while(|letter| x.contains(*letter)).count();
    let (common, columns) = w.split_at(contracted);
    let rows = x.strip_suffix(common)?;
    let distinct = !columns.chars().any(|letter| x.contains(letter));
    (contracted > 0 && distinct && output.strip_prefix(rows) == Some(columns) && !rows.is_empty())
        .then_some(contracted)
}

/// Computes such a product, with the axes of `w` joined to a matrix.
fn product(builder: &mut TypedGraphBuilder, x: &Value, w: &Value, contracted: usize) -> Result<Value> {
    let (of_x, of_w) = (x.dims(), w.dims());
    let (rows, columns) = (&of_x[..of_x.len() - contracted], &of_w[contracted..]);
    let inner: TDim = of_w[..contracted].iter().product();
    let x = builder.reshape(x, &[rows, std::slice::from_ref(&inner)].concat(), true)?;
    let w = builder.reshape(w, &[inner, columns.iter().product()], true)?;
    let product = builder.matmul(&x, &w)?;
    builder.reshape(&product, &[rows, columns].concat(), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_reads_explicit_and_implicit_equations() {
        let split = |text| letters(text).map(|(i, o)| (i.join(" "), o));
        assert_eq!(split("abc, cde -> abde"), Some(("abc cde".into(), "abde".into())));
        assert_eq!(split("BFNH,BTNH->BNFT"), Some(("BFNH BTNH".into(), "BNFT".into())));
        assert_eq!(split("ij,jk"), Some(("ij jk".into(), "ik".into())));
        assert_eq!(matrix_product("abc", "cde", "abde"), Some(1));
        assert_eq!(matrix_product("abcd", "cde", "abe"), Some(2));
        assert_eq!(matrix_product("aecd", "abcd", "acbe"), None);
        assert_eq!(matrix_product("abc", "cde", "abed"), None);
        assert_eq!(matrix_product("abc", "dce", "abde"), None);
        for bad in ["...ij,jk", "ii->i", "ij->ijk", "i1->i", "ij->ii"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
