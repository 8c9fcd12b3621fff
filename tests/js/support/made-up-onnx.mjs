// An ONNX file of a BERT of any shape with made-up weights, float or int8, as one file. Nothing of its size is in memory:
// the file is a list of segments, and `slice` returns an object that computes its bytes, as a Blob on disk reads them.
// The int8 file has the nodes that `corom convert` writes: one scale per row of a table and per output of a matrix.

const FLOAT = 1;
const INT8 = 3;
const INT64 = 7;
/** Bytes of the patterns that weights repeat. */
const PATTERN_BYTES = 1 << 18;
const PATTERNS = {
  [FLOAT]: Buffer.from(Float32Array.from({ length: PATTERN_BYTES / 4 }, (_, i) => weightAt(i, 1000) / 25000).buffer),
  [INT8]: Buffer.from(Int8Array.from({ length: PATTERN_BYTES }, (_, i) => weightAt(i, 127)).buffer),
};
/** The scale of an int8 weight. */
const SCALE = 0.04 / 127;

const LENGTH_DELIMITED = 2;

/** Encodes a protobuf integer. */
function varint(value) {
  const bytes = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}

const integer = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const header = (field, size) => Buffer.concat([varint((field << 3) | LENGTH_DELIMITED), varint(size)]);
const message = (field, ...parts) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([header(field, body.length), body]);
};
const text = (field, value) => message(field, Buffer.from(value));
const float = (field, value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), bytes]);
};

/** Encodes an attribute: a whole number, a float (`{ float }`) or a list of whole numbers. */
function attribute(name, value) {
  const [FLOATS, INT, INTS] = [1, 2, 7];
  if (Array.isArray(value))
    return message(5, text(1, name), ...value.map((item) => integer(8, item)), integer(20, INTS));
  if (typeof value === "object") return message(5, text(1, name), float(2, value.float), integer(20, FLOATS));
  return message(5, text(1, name), integer(3, value), integer(20, INT));
}

/** Collects the nodes and tensors of a graph. */
class Graph {
  nodes = [];
  /** The initializers: encoded, or `{ head, bytes }` where the elements are made up. */
  initializers = [];

  node(op, inputs, attributes = {}, output = `${op}.${this.nodes.length}`) {
    const encoded = Object.entries(attributes).map(([name, value]) => attribute(name, value));
    this.nodes.push(
      message(1, ...inputs.map((name) => text(1, name)), text(2, output), text(3, output), text(4, op), ...encoded),
    );
    return output;
  }

  #head(name, dims, type) {
    return Buffer.concat([...dims.map((dim) => integer(1, dim)), integer(2, type), text(8, name)]);
  }

  constant(name, dims, type, elements) {
    this.initializers.push(message(5, this.#head(name, dims, type), message(9, elements)));
    return name;
  }

  integers(name, dims, values) {
    return this.constant(name, dims, INT64, Buffer.from(BigInt64Array.from(values, BigInt).buffer));
  }

  number(name, value) {
    return this.constant(name, [], FLOAT, Buffer.from(Float32Array.of(value).buffer));
  }

  weight(name, ...dims) {
    return this.#made(name, dims, FLOAT, 4);
  }

  int8(name, ...dims) {
    return this.#made(name, dims, INT8, 1);
  }

  scales(name, count, ...more) {
    return this.constant(name, [count, ...more], FLOAT, Buffer.from(new Float32Array(count).fill(SCALE).buffer));
  }

  #made(name, dims, type, size) {
    const bytes = dims.reduce((product, dim) => product * dim, size);
    const head = Buffer.concat([this.#head(name, dims, type), header(9, bytes)]);
    const made = { length: bytes, pattern: PATTERNS[type] };
    this.initializers.push({ head: Buffer.concat([header(5, head.length + bytes), head]), made });
    return name;
  }
}

const valueInfo = (field, name, type, dims) => {
  const shape = dims.map((dim) => (typeof dim === "number" ? message(1, integer(1, dim)) : message(1, text(2, dim))));
  return message(field, text(1, name), message(2, message(1, integer(1, type), message(2, ...shape))));
};

function bert(shape) {
  const { layers, hidden, heads, intermediate, vocab, positions, int8 = false } = shape;
  const graph = new Graph();
  const one = graph.number("one", 1);
  const axes = graph.integers("mask.axes", [2], [1, 2]);
  let mask = graph.node("Unsqueeze", ["attention_mask", axes]);
  mask = graph.node("Cast", [mask], { to: FLOAT });
  mask = graph.node("Mul", [graph.node("Sub", [one, mask]), graph.number("mask.lowest", -3.4028234663852886e38)]);

  const norm = (name, x) =>
    graph.node("LayerNormalization", [x, graph.weight(`${name}.gamma`, hidden), graph.weight(`${name}.beta`, hidden)], {
      axis: -1,
      epsilon: { float: 1e-12 },
    });
  const linear = (name, x, inputs, outputs) => {
    const weight = int8
      ? graph.node("DequantizeLinear", [graph.int8(`${name}.weight`, inputs, outputs), graph.scales(`${name}.scale`, outputs)], { axis: 1 })
      : graph.weight(`${name}.weight`, inputs, outputs);
    const product = graph.node("MatMul", [x, weight]);
    return graph.node("Add", [product, graph.weight(`${name}.bias`, outputs)]);
  };
  const rows = (name, count, ids) => {
    const gather = (table) => graph.node("Gather", [table, ids], { axis: 0 });
    if (!int8) return gather(graph.weight(name, count, hidden));
    const quantized = graph.node("Cast", [gather(graph.int8(name, count, hidden))], { to: FLOAT });
    return graph.node("Mul", [quantized, gather(graph.scales(`${name}.scale`, count, 1))]);
  };

  const all = graph.integers("positions", [1, positions], [...Array(positions).keys()]);
  const [zero, first] = [graph.integers("zero", [1], [0]), graph.integers("first", [1], [1])];
  const length = graph.node("Gather", [graph.node("Shape", ["input_ids"]), first], { axis: 0 });
  const ids = graph.node("Slice", [all, zero, length, first]);
  let x = graph.node("Add", [rows("words", vocab, "input_ids"), rows("types", 2, "token_type_ids")]);
  x = norm("embeddings", graph.node("Add", [x, rows("position_table", positions, ids)]));

  const width = hidden / heads;
  const split = graph.integers("split", [4], [0, 0, heads, width]);
  const join = graph.integers("join", [3], [0, 0, hidden]);
  const root = graph.number("root", Math.sqrt(width));
  const [half, sqrt2] = [graph.number("half", 0.5), graph.number("sqrt2", Math.SQRT2)];
  for (let layer = 0; layer < layers; layer++) {
    const head = (name, perm) => {
      const rows = linear(`${layer}.${name}`, x, hidden, hidden);
      return graph.node("Transpose", [graph.node("Reshape", [rows, split])], { perm });
    };
    const [q, k, v] = [head("q", [0, 2, 1, 3]), head("k", [0, 2, 3, 1]), head("v", [0, 2, 1, 3])];
    const scores = graph.node("Div", [graph.node("MatMul", [q, k]), root]);
    const weights = graph.node("Softmax", [graph.node("Add", [scores, mask])], { axis: -1 });
    let context = graph.node("Transpose", [graph.node("MatMul", [weights, v])], { perm: [0, 2, 1, 3] });
    context = linear(`${layer}.out`, graph.node("Reshape", [context, join]), hidden, hidden);
    x = norm(`${layer}.attention`, graph.node("Add", [context, x]));
    const inner = linear(`${layer}.up`, x, hidden, intermediate);
    const erf = graph.node("Add", [graph.node("Erf", [graph.node("Div", [inner, sqrt2])]), one]);
    const gelu = graph.node("Mul", [graph.node("Mul", [inner, erf]), half]);
    x = norm(`${layer}.output`, graph.node("Add", [linear(`${layer}.down`, gelu, intermediate, hidden), x]));
  }
  graph.node("Identity", [x], {}, "last_hidden_state");
  return graph;
}

/** Returns the segments of the file: bytes, or `{ length, pattern }` for made-up weights. */
function segments(shape) {
  const graph = bert(shape);
  const inputs = ["input_ids", "attention_mask", "token_type_ids"];
  const tail = [
    ...inputs.map((name) => valueInfo(11, name, INT64, ["batch", "sequence"])),
    valueInfo(12, "last_hidden_state", FLOAT, ["batch", "sequence", shape.hidden]),
  ];
  const initializers = graph.initializers.flatMap((item) => (Buffer.isBuffer(item) ? [item] : [item.head, item.made]));
  const parts = [...graph.nodes, text(2, "made up"), ...initializers, ...tail];
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  return [integer(1, 8), header(7, size), ...parts, message(8, text(1, ""), integer(2, 17))];
}

/**
 * Returns a file like a Blob: `size`, and `slice(from, to).arrayBuffer()`. `shape` is
 * `{ layers, hidden, heads, intermediate, vocab, positions, int8 }`.
 */
export function madeUpOnnx(shape) {
  let size = 0;
  const parts = segments(shape).map((part) => {
    const offset = size;
    size += part.length;
    return { offset, end: size, bytes: Buffer.isBuffer(part) ? part : undefined, pattern: part.pattern };
  });
  const read = (from, to) => {
    const out = Buffer.alloc(to - from);
    for (const { offset, end, bytes, pattern } of parts.filter((part) => part.offset < to && part.end > from)) {
      const last = Math.min(to, end);
      for (let at = Math.max(from, offset); at < last;) {
        const source = bytes ?? pattern;
        const start = bytes ? at - offset : (at - offset) % PATTERN_BYTES;
        const count = Math.min(source.length - start, last - at);
        source.copy(out, at - from, start, start + count);
        at += count;
      }
    }
    return out.buffer;
  };
  return {
    size,
    slice: (from, to) => ({ arrayBuffer: async () => read(from, Math.min(to, size)) }),
    arrayBuffer: async () => read(0, size),
  };
}

/** Returns a whole number from -`most` to `most`, different for neighbors. */
function weightAt(index, most) {
  return (((index * 2654435761) >>> 8) % (2 * most + 1)) - most;
}

/** Returns the `config.json` of a shape. */
export const madeUpConfig = ({ layers, hidden, heads, intermediate, vocab, positions }) =>
  JSON.stringify({
    model_type: "bert",
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: intermediate,
    vocab_size: vocab,
    max_position_embeddings: positions,
    type_vocab_size: 2,
    hidden_act: "gelu",
    layer_norm_eps: 1e-12,
  });

export const BASE = { layers: 12, hidden: 768, heads: 12, intermediate: 3072, vocab: 21128, positions: 512 };
export const M3E_SMALL = { layers: 4, hidden: 512, heads: 8, intermediate: 2048, vocab: 21128, positions: 512 };
/** multilingual-e5-small: a BERT with the tokenizer of XLM-RoBERTa. */
export const E5_SMALL = {
  layers: 12,
  hidden: 384,
  heads: 12,
  intermediate: 1536,
  vocab: 250037,
  positions: 512,
  int8: true,
};
