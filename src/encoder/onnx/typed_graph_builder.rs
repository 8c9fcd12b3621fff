//! The tract graph under construction.

use tract_core::internal::*;
use tract_core::ops::cast::cast;

use super::graph_input::InputRole;
use super::model_sizes::ModelSizes;
use super::node::Node;
use super::tensor_info::MAX_RANK;
use super::value::{Dims, Value, static_length};
use crate::error::{Error, ErrorCode, Result};

/// More elements than any value of a BERT that a browser can run.
const MAX_VALUE_ELEMENTS: u64 = 1 << 28;
/// A constant of this many elements may be made of nothing.
const ALWAYS_FOLDED_ELEMENTS: u64 = 1 << 20;

/// A tract graph that grows operator by operator.
pub(super) struct TypedGraphBuilder {
    pub(super) model: TypedModel,
    pub(super) opset: i64,
    pub(super) sizes: ModelSizes,
    /// A batch and a sequence to measure values by.
    probe_text: SymbolValues,
    /// One text, as long as the model takes it.
    longest_text: SymbolValues,
    /// The graph's inputs, and casts of them.
    pub(super) input_outlets: Vec<(OutletId, InputRole)>,
    /// The node that is being translated, for names and messages.
    node: String,
    wired_ops: usize,
}

impl TypedGraphBuilder {
    /// An empty graph of texts of `batch` and `sequence`.
    pub(super) fn new(
        opset: i64,
        sizes: ModelSizes,
        (batch, sequence): (&Symbol, &Symbol),
        model: TypedModel,
    ) -> Self {
        let text = |tokens: usize| SymbolValues::default().with(batch, 1).with(sequence, tokens as i64);
        Self {
            model,
            opset,
            sizes,
            probe_text: text(sizes.max_positions.min(512)),
            longest_text: text(sizes.max_positions),
            input_outlets: Vec::new(),
            node: String::new(),
            wired_ops: 0,
        }
    }

    /// Says which node the next operators are part of.
    pub(super) fn enter_node(&mut self, node: &Node) {
        self.node = format!("{} ({})", node.label, node.operator());
        self.wired_ops = 0;
    }

    /// An `INVALID_MODEL` error about the current node.
    pub(super) fn invalid(&self, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorCode::InvalidModel, format!("node {}: {what}", self.node))
    }

    /// An `UNSUPPORTED_OPERATOR` error about the current node.
    pub(super) fn unsupported(&self, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorCode::UnsupportedOperator, format!("node {} is not supported: {what}", self.node))
    }

    /// tract's complaint about the current node.
    fn tract_error(&self, error: TractError) -> Error {
        let cause = error.root_cause().to_string();
        Error::with_source(ErrorCode::InvalidModel, format!("node {}: {cause}", self.node), error)
    }

    /// Adds an operator, or works it out at once when its inputs are constants.
    /// Returns its outputs.
    pub(super) fn wire_all(
        &mut self,
        op: impl Into<Box<dyn TypedOp>>,
        inputs: &[&Value],
    ) -> Result<TVec<Value>> {
        let op = op.into();
        let constants: Option<TVec<Arc<Tensor>>> = inputs.iter().map(|v| v.tensor().cloned()).collect();
        if let Some(constants) = constants.filter(|c| !c.is_empty())
            && let Some(values) = self.fold(&*op, constants)?
        {
            return Ok(values);
        }
        let outlets = inputs.iter().map(|v| self.outlet(v)).collect::<Result<TVec<_>>>()?;
        let mut facts = TVec::with_capacity(outlets.len());
        for outlet in &outlets {
            facts.push(self.model.outlet_fact(*outlet).map_err(|e| self.tract_error(e))?.clone());
        }
        let facts: TVec<&TypedFact> = facts.iter().collect();
        for fact in op.output_facts(&facts).map_err(|e| self.tract_error(e))? {
            self.check_size(&fact.shape.to_tvec())?;
        }
        let name = self.name();
        let outlets = self.model.wire_node(name, op, &outlets).map_err(|e| self.tract_error(e))?;
        outlets.into_iter().map(|o| self.value(o)).collect()
    }

    /// The same, for an operator with one output.
    pub(super) fn wire(&mut self, op: impl Into<Box<dyn TypedOp>>, inputs: &[&Value]) -> Result<Value> {
        let mut outputs = self.wire_all(op, inputs)?;
        match outputs.pop() {
            Some(value) if outputs.is_empty() => Ok(value),
            _ => Err(self.invalid("it does not have one output")),
        }
    }

    /// Evaluates an operator on constants; `None` when the result depends on the
    /// batch or the sequence in a way that only a run can tell, or is better made then.
    fn fold(&self, op: &dyn TypedOp, inputs: TVec<Arc<Tensor>>) -> Result<Option<TVec<Value>>> {
        let facts = inputs
            .iter()
            .map(TypedFact::try_from)
            .collect::<TractResult<TVec<_>>>()
            .map_err(|e| self.tract_error(e))?;
        let facts: TVec<&TypedFact> = facts.iter().collect();
        let given: u64 = inputs.iter().map(|t| t.len() as u64).sum();
        for fact in op.output_facts(&facts).map_err(|e| self.tract_error(e))? {
            let count = self.check_size(&fact.shape.to_tvec())?;
            if !fact.shape.is_concrete() || count > 2 * given + ALWAYS_FOLDED_ELEMENTS {
                return Ok(None);
            }
        }
        let inputs = inputs.into_iter().map(IntoTValue::into_tvalue).collect();
        match op.eval_out_of_plan(inputs) {
            Ok(Some(outputs)) => {
                Ok(Some(outputs.into_iter().map(|t| Value::constant(t.into_arc_tensor())).collect()))
            }
            // `TooEarly`: it needs the batch or the sequence. Anything else will be said again when wiring.
            Ok(None) | Err(_) => Ok(None),
        }
    }

    /// Neither axes nor elements without measure. Returns the elements there are for
    /// a text of full length.
    fn check_size(&self, dims: &[TDim]) -> Result<u64> {
        if dims.len() > MAX_RANK {
            return Err(self.invalid(format_args!("a value of {} axes", dims.len())));
        }
        let mut count = 1u64;
        for dim in dims {
            let length = dim.eval(&self.probe_text).to_i64().ok().and_then(|n| u64::try_from(n).ok());
            match length.and_then(|n| count.checked_mul(n)) {
                Some(product) if product <= MAX_VALUE_ELEMENTS => count = product,
                _ => return Err(self.invalid(format_args!("a value of shape {dims:?}"))),
            }
        }
        Ok(count)
    }

    /// What a length comes to with one text of as many tokens as the model has positions.
    pub(super) fn length_of_longest_text(&self, length: &TDim) -> Option<usize> {
        static_length(&length.eval(&self.longest_text))
    }

    /// An outlet as a value.
    pub(super) fn value(&self, outlet: OutletId) -> Result<Value> {
        let fact = self.model.outlet_fact(outlet).map_err(|e| self.tract_error(e))?;
        match &fact.konst {
            Some(konst) if konst.is_plain() => Ok(Value::Const(konst.clone())),
            _ => Ok(Value::Wire(outlet, fact.datum_type, fact.shape.to_tvec())),
        }
    }

    /// A value as an outlet: constants enter the graph here. Those of type `TDim`
    /// do so as int64.
    pub(super) fn outlet(&mut self, value: &Value) -> Result<OutletId> {
        let tensor = match value {
            Value::Wire(outlet, ..) => return Ok(*outlet),
            Value::Const(tensor) => tensor,
        };
        if !tensor.datum_type().is_tdim() {
            let name = self.name();
            return self.model.add_const(name, tensor.clone()).map_err(|e| self.tract_error(e));
        }
        if let Ok(numbers) = tensor.cast_to::<i64>() {
            let numbers = numbers.into_owned();
            let name = self.name();
            return self.model.add_const(name, numbers).map_err(|e| self.tract_error(e));
        }
        let name = self.name();
        let konst = self.model.add_const(name, tensor.clone()).map_err(|e| self.tract_error(e))?;
        let name = self.name();
        let outlets =
            self.model.wire_node(name, cast(DatumType::I64), &[konst]).map_err(|e| self.tract_error(e))?;
        Ok(outlets[0])
    }

    fn name(&mut self) -> String {
        self.wired_ops += 1;
        format!("{}#{}", self.node, self.wired_ops)
    }

    /// Applies an operator on one value that only moves or renames axes.
    pub(super) fn wire_axis_op(&mut self, op: AxisOp, value: &Value) -> Result<Value> {
        self.wire(op, &[value])
    }

    /// Adds axes of length 1 in front until the value has `rank` of them.
    pub(super) fn with_rank(&mut self, value: &Value, rank: usize) -> Result<Value> {
        let mut value = value.clone();
        while value.rank() < rank {
            value = self.wire_axis_op(AxisOp::Add(0), &value)?;
        }
        Ok(value)
    }

    /// The shape that ONNX broadcasts shapes to.
    pub(super) fn broadcast(&self, shapes: &[Dims]) -> Result<Dims> {
        let rank = shapes.iter().map(|shape| shape.as_slice().len()).max().unwrap_or(0);
        let mut result: Dims = tvec!(1.to_dim(); rank);
        for shape in shapes {
            for (have, dim) in result[rank - shape.len()..].iter_mut().zip(shape) {
                if have.is_one() {
                    *have = dim.clone();
                } else if !dim.is_one() && dim != have {
                    return Err(self.invalid(format_args!("shapes {shapes:?} do not go together")));
                }
            }
        }
        Ok(result)
    }

    /// Casts to another type; a no-op where the value is of it.
    pub(super) fn cast(&mut self, value: &Value, to: DatumType) -> Result<Value> {
        let from = value.datum_type();
        if from == to || (from.is_tdim() && to == DatumType::I64) {
            return Ok(value.clone());
        }
        let role = self.input_role(value);
        let value = self.wire(cast(to), &[value])?;
        if let Value::Wire(outlet, ..) = value {
            self.input_outlets.extend(role.map(|role| (outlet, role)));
        }
        Ok(value)
    }

    /// Which of the graph's inputs a value is.
    pub(super) fn input_role(&self, value: &Value) -> Option<InputRole> {
        let Value::Wire(outlet, ..) = value else { return None };
        self.input_outlets.iter().find(|(fed, _)| fed == outlet).map(|(_, role)| *role)
    }
}
