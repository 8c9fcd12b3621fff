"""Writes tests/fixtures/train: 20 steps of a tiny BERT in PyTorch, for tests/train/parity.rs.

python tests/python/make_train.py    (torch, transformers, safetensors, numpy; made with torch 2 and transformers 4)

Weights, texts and teacher vectors follow from formulas that the test has too. The BERT is written out, because its
dropout has to drop what src/train/dropout.rs drops; without dropout it is compared with transformers' BertModel.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "train"
VOCAB, HIDDEN, LAYERS, HEADS, WIDE, POSITIONS = 50, 16, 2, 2, 32, 16
STEPS, RATE, DECAY, WARM_UP, DROPOUT, SEED = 20, 1e-3, 0.01, 0.1, 0.1, 9
TEACHER = 6
MASK = (1 << 64) - 1


def shapes(head):
    yield "embeddings.word_embeddings.weight", (VOCAB, HIDDEN)
    yield "embeddings.position_embeddings.weight", (POSITIONS, HIDDEN)
    yield "embeddings.token_type_embeddings.weight", (2, HIDDEN)
    norms = ["embeddings.LayerNorm"]
    linears = []
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        linears += [(layer + f"attention.self.{n}", HIDDEN, HIDDEN) for n in ("query", "key", "value")]
        linears += [(layer + "attention.output.dense", HIDDEN, HIDDEN)]
        linears += [(layer + "intermediate.dense", WIDE, HIDDEN), (layer + "output.dense", HIDDEN, WIDE)]
        norms += [layer + "attention.output.LayerNorm", layer + "output.LayerNorm"]
    linears += head
    for name in norms:
        yield name + ".weight", (HIDDEN,)
        yield name + ".bias", (HIDDEN,)
    for name, outputs, inputs in linears:
        yield name + ".weight", (outputs, inputs)
        yield name + ".bias", (outputs,)


def weights(head):
    result = {}
    for name, shape in shapes(head):
        count = math.prod(shape)
        values = [0.2 * math.sin(1.0 + 0.37 * i + len(name)) for i in range(count)]
        if name.endswith("LayerNorm.weight"):
            values = [1.0 + value for value in values]
        result[name] = torch.tensor(values, dtype=torch.float32).reshape(shape).requires_grad_()
    return result


def text(step, number, pair):
    length = 3 + (step + 5 * number) % 7
    ids = [5 + (31 * step + 17 * number + 7 * token) % 45 for token in range(length)]
    return ids, [int(pair and token >= length // 2) for token in range(length)]


def mix(z):
    with np.errstate(over="ignore"):
        z = np.uint64(z) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def drop(x, step, number, site, positions):
    """Drops numbers of one text."""
    if step is None:
        return x
    state = np.uint64(SEED)
    for part in (step, number, site):
        state = mix(mix(state) ^ np.uint64(part))
    with np.errstate(over="ignore"):
        drawn = mix(state + positions.astype(np.uint64)) >> np.uint64(40)
    rate = np.float32(DROPOUT)
    keep = drawn >= np.uint64(int(float(rate) * (1 << 24)))
    return x * torch.tensor(keep.astype(np.float32)) * float(np.float32(1) / (np.float32(1) - rate))


def hidden_positions(tokens):
    return (np.arange(tokens)[:, None] << 16) | np.arange(HIDDEN)[None, :]


def bert(w, ids, types, step, number):
    """Returns the hidden states of one text, [tokens, HIDDEN]."""
    norm = lambda x, name: torch.nn.functional.layer_norm(
        x, (HIDDEN,), w[name + ".weight"], w[name + ".bias"], 1e-12)
    linear = lambda x, name: x @ w[name + ".weight"].T + w[name + ".bias"]
    tokens = len(ids)
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:tokens]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][types], "embeddings.LayerNorm")
    x = drop(x, step, number, 0, hidden_positions(tokens))
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        split = lambda name: linear(x, layer + "attention.self." + name).reshape(tokens, HEADS, -1).transpose(0, 1)
        scores = split("query") @ split("key").transpose(1, 2) / math.sqrt(HIDDEN // HEADS)
        head, row, column = np.ogrid[:HEADS, :tokens, :tokens]
        positions = (head << 40) | (row << 20) | column
        probabilities = drop(torch.softmax(scores, -1), step, number, 1 + 3 * i, positions)
        y = (probabilities @ split("value")).transpose(0, 1).reshape(tokens, HIDDEN)
        y = drop(linear(y, layer + "attention.output.dense"), step, number, 2 + 3 * i, hidden_positions(tokens))
        x = norm(y + x, layer + "attention.output.LayerNorm")
        y = torch.nn.functional.gelu(linear(x, layer + "intermediate.dense"))
        y = drop(linear(y, layer + "output.dense"), step, number, 3 + 3 * i, hidden_positions(tokens))
        x = norm(y + x, layer + "output.LayerNorm")
    return x


def check_against_transformers():
    w = weights([])
    config = BertConfig(vocab_size=VOCAB, hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                        intermediate_size=WIDE, max_position_embeddings=POSITIONS)
    model = BertModel(config, add_pooling_layer=False).eval()
    missing = model.load_state_dict({name: value.detach() for name, value in w.items()}, strict=False)
    assert not missing.unexpected_keys and all("position_ids" in key for key in missing.missing_keys), missing
    for number in range(4):
        ids, types = text(3, number, True)
        theirs = model(torch.tensor([ids]), token_type_ids=torch.tensor([types])).last_hidden_state[0]
        assert torch.allclose(theirs, bert(w, ids, types, None, 0), atol=2e-6)


def loss_of(case, w, step, dropout):
    site = step if dropout else None
    rows = []
    count, per_query = {"retrieval": (4, 3), "ranking": (3, 4), "distillation": (5, 0)}[case]
    for number in range(count * (1 + per_query) if case == "retrieval" else count * max(per_query, 1)):
        ids, types = text(step, number, case == "ranking")
        hidden = bert(w, ids, types, site, number)
        if case == "retrieval":
            rows.append(hidden[0])
        elif case == "distillation":
            rows.append(hidden.mean(0) @ w["projection.weight"].T + w["projection.bias"])
        else:
            pooled = torch.tanh(hidden[0] @ w["pooler.dense.weight"].T + w["pooler.dense.bias"])
            pooled = drop(pooled[None], site, number, (1 << 32) - 1, hidden_positions(1))[0]
            rows.append(pooled @ w["classifier.weight"].T + w["classifier.bias"])
    rows = torch.stack(rows)
    if case == "retrieval":
        scores = rows[:count] @ rows[count:].T
        return torch.nn.functional.cross_entropy(scores, torch.arange(count) * per_query)
    if case == "ranking":
        return torch.nn.functional.cross_entropy(rows.reshape(count, per_query), torch.zeros(count, dtype=torch.long))
    teacher = torch.tensor([[math.cos(0.7 * (TEACHER * number + i) + step) for i in range(TEACHER)]
                            for number in range(count)], dtype=torch.float32)
    direction = (1 - torch.nn.functional.cosine_similarity(rows, teacher)).mean()
    return direction + torch.nn.functional.mse_loss(rows, teacher) / (teacher**2).mean()


def schedule(step):
    warm = math.ceil(STEPS * WARM_UP)
    return (step + 1) / warm if step < warm else (STEPS - step) / (STEPS - warm)


def main():
    check_against_transformers()
    heads = {
        "retrieval": [],
        "ranking": [("pooler.dense", HIDDEN, HIDDEN), ("classifier", 1, HIDDEN)],
        "distillation": [("projection", TEACHER, HIDDEN)],
    }
    OUT.mkdir(parents=True, exist_ok=True)
    for case, head in heads.items():
        for dropout in (False, True):
            w = weights(head)
            optimizer = torch.optim.AdamW(w.values(), lr=RATE, weight_decay=DECAY)
            losses = []
            for step in range(STEPS):
                optimizer.param_groups[0]["lr"] = RATE * schedule(step)
                optimizer.zero_grad()
                loss = loss_of(case, w, step, dropout)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            name = f"{case}{'-dropout' if dropout else ''}"
            save_file({key: value.detach().contiguous() for key, value in w.items()}, OUT / f"{name}.safetensors",
                      metadata={"losses": json.dumps(losses)})
            print(name, losses[0], losses[-1])


main()
