//! The graph: nodes in topological order. A node reads only outlets of nodes before it.

use super::ops::constant::{Const, TypedSource};
use super::prelude::*;

/// An output of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OutletId {
    pub(crate) node: usize,
    pub(crate) slot: usize,
}

impl OutletId {
    /// Returns output `slot` of node `node`.
    pub(crate) fn new(node: usize, slot: usize) -> Self {
        Self { node, slot }
    }
}

/// An operator in its place.
#[derive(Debug, Clone)]
pub(crate) struct TypedNode {
    pub(crate) id: usize,
    /// The name, for error messages.
    pub(crate) name: String,
    pub(crate) op: Arc<dyn TypedOp>,
    pub(crate) inputs: TVec<OutletId>,
    pub(crate) outputs: TVec<TypedFact>,
}

impl TypedNode {
    /// Returns true if the operator has type `T`.
    pub(crate) fn op_is<T: TypedOp>(&self) -> bool {
        self.op_as::<T>().is_some()
    }

    /// Returns the operator as type `T`, if it is one.
    pub(crate) fn op_as<T: TypedOp>(&self) -> Option<&T> {
        self.op.downcast_ref()
    }
}

/// A graph with known types and shapes.
#[derive(Debug, Clone, Default)]
pub(crate) struct TypedModel {
    nodes: Vec<TypedNode>,
    /// The inputs, in order.
    pub(crate) inputs: Vec<OutletId>,
    /// The outputs, in order.
    pub(crate) outputs: Vec<OutletId>,
    /// Batch and sequence, and what is known of them.
    pub(crate) symbols: SymbolScope,
}

impl TypedModel {
    /// Returns an empty graph with these symbols.
    pub(crate) fn with_symbols(symbols: SymbolScope) -> Self {
        Self { symbols, ..Self::default() }
    }

    /// Adds an input.
    pub(crate) fn add_source(&mut self, name: impl Into<String>, fact: TypedFact) -> OutletId {
        let outlet = self.add_node(name.into(), Arc::new(TypedSource), tvec!(), tvec!(fact));
        self.inputs.push(outlet);
        outlet
    }

    /// Adds a constant.
    pub(crate) fn add_const(&mut self, name: impl Into<String>, value: impl IntoArcTensor) -> OutletId {
        let value = value.into_arc_tensor();
        let fact = TypedFact::of(&value);
        self.add_node(name.into(), Arc::new(Const(value)), tvec!(), tvec!(fact))
    }

    /// Adds an operator. Returns its outputs.
    ///
    /// # Errors
    /// If the operator cannot take the inputs.
    pub(crate) fn wire_node(
        &mut self,
        name: impl Into<String>,
        op: impl IntoOp,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        self.wire_shared(name.into(), op.into_op(), inputs)
    }

    fn wire_shared(
        &mut self,
        name: String,
        op: Arc<dyn TypedOp>,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let mut facts = {
            let facts =
                inputs.iter().map(|input| self.outlet_fact(*input)).collect::<TractResult<TVec<_>>>()?;
            op.output_facts(&facts)?
        };
        for fact in facts.iter_mut().filter(|fact| fact.konst.is_none()) {
            // A value without elements is known.
            if let Some(shape) = fact.shape.as_concrete()
                && shape.contains(&0)
            {
                fact.konst = Some(Arc::new(Tensor::zero_dt(fact.datum_type, shape)?));
            }
        }
        let count = facts.len();
        let first = self.add_node(name, op, inputs.into(), facts);
        Ok((0..count).map(|slot| OutletId::new(first.node, slot)).collect())
    }

    fn add_node(
        &mut self,
        name: String,
        op: Arc<dyn TypedOp>,
        inputs: TVec<OutletId>,
        outputs: TVec<TypedFact>,
    ) -> OutletId {
        let id = self.nodes.len();
        self.nodes.push(TypedNode { id, name, op, inputs, outputs });
        OutletId::new(id, 0)
    }

    /// Returns the nodes, each after those that it reads.
    pub(crate) fn nodes(&self) -> &[TypedNode] {
        &self.nodes
    }

    /// Returns a node.
    pub(crate) fn node(&self, id: usize) -> &TypedNode {
        &self.nodes[id]
    }

    /// Returns what is known of an outlet.
    ///
    /// # Errors
    /// If there is no such outlet.
    pub(crate) fn outlet_fact(&self, outlet: OutletId) -> TractResult<&TypedFact> {
        match self.nodes.get(outlet.node).and_then(|node| node.outputs.get(outlet.slot)) {
            Some(fact) => Ok(fact),
            None => bail!("there is no outlet {outlet:?}"),
        }
    }

    /// Returns true if a node reads an outlet.
    pub(crate) fn is_read(&self, outlet: OutletId) -> bool {
        self.nodes.iter().any(|node| node.inputs.contains(&outlet))
    }

    /// Returns the ids of the nodes that the outputs need, and of all inputs, each after those that it reads.
    pub(crate) fn eval_order(&self) -> Vec<usize> {
        let mut needed = vec![false; self.nodes.len()];
        for outlet in self.inputs.iter().chain(&self.outputs) {
            needed[outlet.node] = true;
        }
        for node in self.nodes.iter().rev() {
            if needed[node.id] {
                node.inputs.iter().for_each(|input| needed[input.node] = true);
            }
        }
        (0..self.nodes.len()).filter(|id| needed[*id]).collect()
    }

    /// Returns the part of the graph that an outlet depends on, with all inputs of the graph.
    pub(crate) fn part(&self, outlet: OutletId) -> Self {
        let whole = Self { outputs: vec![outlet], ..self.clone() };
        let order = whole.eval_order();
        let mut moved = vec![usize::MAX; whole.nodes.len()];
        let mut nodes: Vec<TypedNode> = Vec::with_capacity(order.len());
        for id in order {
            let mut node = whole.nodes[id].clone();
            moved[id] = nodes.len();
            node.id = nodes.len();
            node.inputs.iter_mut().for_each(|input| input.node = moved[input.node]);
            nodes.push(node);
        }
        let to = |outlet: &OutletId| OutletId::new(moved[outlet.node], outlet.slot);
        let (inputs, outputs) =
            (whole.inputs.iter().map(to).collect(), whole.outputs.iter().map(to).collect());
        Self { nodes, inputs, outputs, symbols: whole.symbols }
    }
}
