//! Builds the typed graph, operator by operator.

use std::collections::HashSet;

use super::graph_input::InputRole;
use super::model_sizes::ModelSizes;
use super::node::Node;
use super::tensor_info::MAX_RANK;
use super::value::{Dims, Value, static_length};
use super::weight::WeightPlaceholder;
use crate::encoder::graph::ops::axes::AxisOp;
use crate::encoder::graph::ops::cast::Cast;
use crate::encoder::graph::prelude::*;
use crate::error::{Error, ErrorCode, Result};

/// The most elements of a value, for a text of up to 512 tokens.
const MAX_VALUE_ELEMENTS: u64 = 1 << 28;
/// Constants of up to this many elements are always computed during translation, even from small inputs.
const ALWAYS_FOLDED_ELEMENTS: u64 = 1 << 20;

/// A typed graph that grows operator by operator.
pub(super) struct TypedGraphBuilder {
    pub(super) model: TypedModel,
    pub(super) opset: i64,
    pub(super) sizes: ModelSizes,
    /// One text of at most 512 tokens, to check the sizes of values with.
    probe_text: SymbolValues,
    /// One text with as many tokens as the model has positions.
    longest_text: SymbolValues,
    /// One text of one token.
    shortest_text: SymbolValues,
    /// The inputs of the graph, and casts of them.
    pub(super) input_outlets: Vec<(OutletId, InputRole)>,
    /// The names of stored tensors of 4-bit integers.
    pub(super) four_bit_tensors: HashSet<String>,
    /// The ONNX node that is being translated, for names and messages.
    node: String,
    wired_ops: usize,
}

impl TypedGraphBuilder {
    /// Makes a graph from `model`, which has the sources. `batch` and `sequence` are its symbols.
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
            shortest_text: text(1),
            input_outlets: Vec::new(),
            four_bit_tensors: HashSet::new(),
            node: String::new(),
            wired_ops: 0,
        }
    }

    /// Sets the ONNX node that the next operators belong to.
    pub(super) fn enter_node(&mut self, node: &Node) {
        self.node = format!("{} ({})", node.label, node.operator());
        self.wired_ops = 0;
    }

    /// Returns an `INVALID_MODEL` error about the current node.
    pub(super) fn invalid(&self, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorCode::InvalidModel, format!("node {}: {what}", self.node))
    }

    /// Returns an `UNSUPPORTED_OPERATOR` error about the current node.
    pub(super) fn unsupported(&self, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorCode::UnsupportedOperator, format!("node {} is not supported: {what}", self.node))
    }

    /// Converts an error of the graph about the current node.
    fn graph_error(&self, error: TractError) -> Error {
        let cause = error.root_cause().to_string();
        Error::with_source(ErrorCode::InvalidModel, format!("node {}: {cause}", self.node), error)
    }

    /// Adds an operator, or evaluates it at once if all inputs are constants. Returns its outputs.
    ///
    /// # Errors
    /// `INVALID_MODEL` if the operator rejects the inputs or an output is too large.
    pub(super) fn wire_all(&mut self, op: impl IntoOp, inputs: &[&Value]) -> Result<TVec<Value>> {
        self.wire_shared(op.into_op(), inputs)
    }

    /// Does the work of [`Self::wire_all`]. A page downloads it once, not once per type of operator.
    fn wire_shared(&mut self, op: Arc<dyn TypedOp>, inputs: &[&Value]) -> Result<TVec<Value>> {
        let constants: Option<TVec<Arc<Tensor>>> = inputs.iter().map(|v| v.tensor().cloned()).collect();
        if let Some(constants) = constants.filter(|c| !c.is_empty())
            && let Some(values) = self.fold(&*op, constants)?
        {
            return Ok(values);
        }
        let outlets = inputs.iter().map(|v| self.outlet(v)).collect::<Result<TVec<_>>>()?;
        let mut facts = TVec::with_capacity(outlets.len());
        for outlet in &outlets {
            facts.push(self.model.outlet_fact(*outlet).map_err(|e| self.graph_error(e))?.clone());
        }
        let facts: TVec<&TypedFact> = facts.iter().collect();
        for fact in op.output_facts(&facts).map_err(|e| self.graph_error(e))? {
            self.check_size(&fact.shape.to_tvec())?;
        }
        let name = self.name();
        let outlets = self.model.wire_node(name, op, &outlets).map_err(|e| self.graph_error(e))?;
        outlets.into_iter().map(|o| self.value(o)).collect()
    }

    /// Adds an operator with one output. See [`Self::wire_all`].
    pub(super) fn wire(&mut self, op: impl IntoOp, inputs: &[&Value]) -> Result<Value> {
        self.wire_shared_one(op.into_op(), inputs)
    }

    fn wire_shared_one(&mut self, op: Arc<dyn TypedOp>, inputs: &[&Value]) -> Result<Value> {
        let mut outputs = self.wire_shared(op, inputs)?;
        match outputs.pop() {
            Some(value) if outputs.is_empty() => Ok(value),
            _ => Err(self.invalid("the operator has more than one output")),
        }
    }

    /// Evaluates an operator on constants. Returns `None` if the result depends on batch or sequence in a way
    /// that only a run can resolve, or is much larger than the inputs and better computed in a run.
    fn fold(&self, op: &dyn TypedOp, inputs: TVec<Arc<Tensor>>) -> Result<Option<TVec<Value>>> {
        let facts: TVec<TypedFact> = inputs.iter().map(TypedFact::of).collect();
        let facts: TVec<&TypedFact> = facts.iter().collect();
        if !op.is_quick(&facts) {
            return Ok(None);
        }
        let given: u64 = inputs.iter().map(|t| t.len() as u64).sum();
        for fact in op.output_facts(&facts).map_err(|e| self.graph_error(e))? {
            let count = self.check_size(&fact.shape.to_tvec())?;
            if !fact.shape.is_concrete() || count > 2 * given + ALWAYS_FOLDED_ELEMENTS {
                return Ok(None);
            }
        }
        match op.eval(&SymbolValues::default(), inputs) {
            Ok(outputs) => Ok(Some(outputs.into_iter().map(Value::Const).collect())),
            // It needs batch or sequence. Any other error occurs again in a run.
            Err(_) => Ok(None),
        }
    }

    /// Checks the rank and the number of elements of a value. Returns the number of elements for
    /// `probe_text`.
    fn check_size(&self, dims: &[TDim]) -> Result<u64> {
        if dims.len() > MAX_RANK {
            return Err(self
                .invalid(format_args!("a value has {} axes; at most {MAX_RANK} are supported", dims.len())));
        }
        let mut count = 1u64;
        for dim in dims {
            let length = dim.eval(&self.probe_text).to_i64().ok().and_then(|n| u64::try_from(n).ok());
            match length.and_then(|n| count.checked_mul(n)) {
                Some(product) if product <= MAX_VALUE_ELEMENTS => count = product,
                _ => return Err(self.invalid(format_args!("a value of shape {dims:?} is too large"))),
            }
        }
        Ok(count)
    }

    /// Returns a length for one text of one token.
    pub(super) fn length_of_shortest_text(&self, length: &TDim) -> Option<usize> {
        static_length(&length.eval(&self.shortest_text))
    }

    /// Returns a length for one text with as many tokens as the model has positions.
    pub(super) fn length_of_longest_text(&self, length: &TDim) -> Option<usize> {
        static_length(&length.eval(&self.longest_text))
    }

    /// Returns the value of an outlet.
    pub(super) fn value(&self, outlet: OutletId) -> Result<Value> {
        let fact = self.model.outlet_fact(outlet).map_err(|e| self.graph_error(e))?;
        match &fact.konst {
            Some(konst) if konst.is_plain() => Ok(Value::Const(konst.clone())),
            _ => Ok(Value::Wire(outlet, fact.datum_type, fact.shape.to_tvec())),
        }
    }

    /// Returns the outlet of a value. A constant enters the graph here; one of type `TDim` does so as int64.
    pub(super) fn outlet(&mut self, value: &Value) -> Result<OutletId> {
        let tensor = match value {
            Value::Wire(outlet, ..) => return Ok(*outlet),
            Value::Const(tensor) => tensor,
        };
        if !tensor.datum_type().is_tdim() {
            let name = self.name();
            return Ok(self.model.add_const(name, tensor.clone()));
        }
        if let Ok(numbers) = tensor.cast_to::<i64>() {
            let numbers = numbers.into_owned();
            let name = self.name();
            return Ok(self.model.add_const(name, numbers));
        }
        let name = self.name();
        let konst = self.model.add_const(name, tensor.clone());
        let name = self.name();
        let cast = Cast { to: DatumType::I64 };
        let outlets = self.model.wire_node(name, cast, &[konst]).map_err(|e| self.graph_error(e))?;
        Ok(outlets[0])
    }

    /// Returns a unique name for the next operator.
    fn name(&mut self) -> String {
        self.wired_ops += 1;
        format!("{}#{}", self.node, self.wired_ops)
    }

    /// Adds an operator that adds, removes, moves or reshapes axes.
    pub(super) fn wire_axis_op(&mut self, op: AxisOp, value: &Value) -> Result<Value> {
        self.wire(op, &[value])
    }

    /// Adds axes of length 1 in front until the value has `rank` axes.
    pub(super) fn with_rank(&mut self, value: &Value, rank: usize) -> Result<Value> {
        let mut value = value.clone();
        while value.rank() < rank {
            value = self.wire_axis_op(AxisOp::Add(0), &value)?;
        }
        Ok(value)
    }

    /// Returns the shape that ONNX broadcasts `shapes` to.
    ///
    /// # Errors
    /// `INVALID_MODEL` if they do not broadcast.
    pub(super) fn broadcast(&self, shapes: &[Dims]) -> Result<Dims> {
        let rank = shapes.iter().map(|shape| shape.as_slice().len()).max().unwrap_or(0);
        let mut result: Dims = tvec!(1.to_dim(); rank);
        for shape in shapes {
            for (have, dim) in result[rank - shape.len()..].iter_mut().zip(shape) {
                if have.is_one() {
                    *have = dim.clone();
                } else if !dim.is_one() && dim != have {
                    return Err(self.invalid(format_args!("the shapes {shapes:?} do not broadcast")));
                }
            }
        }
        Ok(result)
    }

    /// Casts to another type, unless the value already has it.
    pub(super) fn cast(&mut self, value: &Value, to: DatumType) -> Result<Value> {
        let from = value.datum_type();
        if from == to || (from.is_tdim() && to == DatumType::I64) {
            return Ok(value.clone());
        }
        let role = self.input_role(value);
        let value = self.wire(Cast { to }, &[value])?;
        if let Value::Wire(outlet, ..) = value {
            self.input_outlets.extend(role.map(|role| (outlet, role)));
        }
        Ok(value)
    }

    /// Returns true if a value is a weight whose elements arrive later.
    pub(super) fn is_placeholder(&self, value: &Value) -> bool {
        matches!(value, Value::Wire(outlet, ..) if self.model.node(outlet.node).op_is::<WeightPlaceholder>())
    }

    /// Returns which input of the graph a value is, or is a cast of.
    pub(super) fn input_role(&self, value: &Value) -> Option<InputRole> {
        let Value::Wire(outlet, ..) = value else { return None };
        self.input_outlets.iter().find(|(fed, _)| fed == outlet).map(|(_, role)| *role)
    }
}
