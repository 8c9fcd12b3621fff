//! `Concat`.

use tract_core::ops::array::TypedConcat;
use tract_core::prelude::*;

use crate::encoder::onnx::registry::{Outputs, Site};
use crate::encoder::onnx::value::{Value, integers};

pub(crate) fn concat(site: &mut Site) -> Outputs {
    let first = site.input(0)?;
    let Some(axis) = site.node.int("axis")? else {
        return Err(site.build.invalid("it has no axis"));
    };
    let axis = site.axis(axis, first.rank())?;
    let mut values = Vec::with_capacity(site.inputs.len());
    for i in 0..site.inputs.len() {
        let value = site.input(i)?;
        let (mut one, mut other) = (first.dims(), value.dims());
        if other.len() != one.len() || value.onnx_type() != first.onnx_type() {
            return Err(site.build.invalid("its inputs differ in type or in axes"));
        }
        one.remove(axis);
        other.remove(axis);
        if one != other {
            return Err(site.build.invalid(format_args!(
                "it joins {:?} and {:?}",
                first.dims(),
                value.dims()
            )));
        }
        values.push(value);
    }
    if first.rank() == 1
        && let Some(lists) = values.iter().map(Value::lengths_of).collect::<Option<Vec<_>>>()
    {
        let elements = lists.concat();
        let length = elements.len();
        return Ok(tvec!(integers(&elements, &[length]).map_err(|e| site.build.invalid(e))?));
    }
    let values: Vec<&Value> = values.iter().collect();
    Ok(tvec!(site.build.wire(TypedConcat::new(axis), &values)?))
}
