//! An operator of the typed graph in tract's: it runs as it is.

use tract_core::internal::*;

use crate::encoder::graph::prelude as graph;

/// An operator of the typed graph.
#[derive(Debug, Clone)]
pub(in crate::encoder) struct Interpreted(Arc<dyn graph::TypedOp>);

impl PartialEq for Interpreted {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Interpreted {}

impl Interpreted {
    /// Wraps an operator.
    pub(in crate::encoder) fn new(op: Arc<dyn graph::TypedOp>) -> Self {
        Self(op)
    }

    /// Returns the operator of the typed graph.
    #[cfg(feature = "cli")]
    pub(in crate::encoder) fn op(&self) -> Arc<dyn graph::TypedOp> {
        self.0.clone()
    }

    fn run(&self, symbols: &SymbolValues, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let inputs: TVec<Arc<Tensor>> = inputs.into_iter().map(IntoArcTensor::into_arc_tensor).collect();
        Ok(self.0.eval(symbols, inputs)?.into_iter().map(IntoTValue::into_tvalue).collect())
    }
}

/// Returns tract's fact.
pub(super) fn fact_to_tract(fact: &graph::TypedFact) -> TypedFact {
    TypedFact::dt_shape(fact.datum_type, fact.shape.to_tvec())
}

impl Op for Interpreted {
    fn name(&self) -> StaticName {
        "Interpreted".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Interpreted {
    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.run(ctx.symbols, inputs)
    }

    /// Returns `None` for an operator that needs batch or sequence.
    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        Ok(self.run(&SymbolValues::default(), inputs).ok())
    }
}

impl TypedOp for Interpreted {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let fact = |fact: &&TypedFact| graph::TypedFact::new(fact.datum_type, fact.shape.to_tvec());
        let facts: Vec<graph::TypedFact> = inputs.iter().map(fact).collect();
        let facts: Vec<&graph::TypedFact> = facts.iter().collect();
        Ok(self.0.output_facts(&facts)?.iter().map(fact_to_tract).collect())
    }

    as_op!();
}
