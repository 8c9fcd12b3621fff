//! Evaluates a graph, node by node. Masks and positions are evaluated so; nothing here is fast.

use super::prelude::*;

impl TypedModel {
    /// Computes the outputs. `inputs` are the values of the graph's inputs, in order.
    ///
    /// # Errors
    /// If an operator rejects its inputs or is a placeholder.
    pub(crate) fn run(&self, inputs: Vec<Tensor>) -> TractResult<Vec<Arc<Tensor>>> {
        ensure!(inputs.len() == self.inputs.len(), "{} inputs are expected", self.inputs.len());
        let mut symbols = SymbolValues::default();
        for (outlet, value) in self.inputs.iter().zip(&inputs) {
            for (dim, length) in self.outlet_fact(*outlet)?.shape.iter().zip(value.shape()) {
                if let TDim::Sym(symbol) = dim {
                    symbols.set(symbol, *length as i64);
                }
            }
        }
        let order = self.eval_order();
        let mut last_use = vec![usize::MAX; self.nodes().len()];
        for id in &order {
            self.node(*id).inputs.iter().for_each(|input| last_use[input.node] = *id);
        }
        self.outputs.iter().for_each(|outlet| last_use[outlet.node] = usize::MAX);
        let mut values: Vec<TVec<Arc<Tensor>>> = vec![tvec!(); self.nodes().len()];
        for (outlet, value) in self.inputs.iter().zip(inputs) {
            values[outlet.node] = tvec!(Arc::new(value));
        }
        for id in order {
            let node = self.node(id);
            if !values[id].is_empty() {
                continue; // An input.
            }
            let mut arguments = TVec::with_capacity(node.inputs.len());
            for input in &node.inputs {
                match values[input.node].get(input.slot) {
                    Some(value) => arguments.push(value.clone()),
                    None => bail!("node {} reads a value that nothing computes", node.name),
                }
            }
            for input in &node.inputs {
                if last_use[input.node] == id {
                    values[input.node].clear();
                }
            }
            values[id] = node.op.eval(&symbols, arguments)?;
        }
        let output = |outlet: &OutletId| match values[outlet.node].get(outlet.slot) {
            Some(value) => Ok(value.clone()),
            None => bail!("an output is not computed"),
        };
        self.outputs.iter().map(output).collect()
    }
}
