"""Prints trec_eval's means of a run over all judged queries (its option -c), as JSON.

    python check_trec_eval.py QRELS RUN MEASURE…

Needs pytrec-eval-terrier. Measures are RR@k, R@k, nDCG@k and Success@k.
"""
import json
import sys
from collections import defaultdict

import pytrec_eval

NAMES = {"R": "recall", "nDCG": "ndcg_cut", "Success": "success"}


def read(path, document, value, convert):
    table = defaultdict(dict)
    with open(path, encoding="utf-8") as file:
        for columns in map(str.split, file):
            table[columns[0]][columns[document]] = convert(columns[value])
    return table


def values(qrels, run, measure):
    name, k = measure.split("@")
    if name == "RR":
        ranks = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}).evaluate(run).values()
        return [value["recip_rank"] if value["recip_rank"] > 1 / (int(k) + 0.5) else 0.0 for value in ranks]
    results = pytrec_eval.RelevanceEvaluator(qrels, {f"{NAMES[name]}.{k}"}).evaluate(run).values()
    return [value[f"{NAMES[name]}_{k}"] for value in results]


qrels, run = read(sys.argv[1], 2, 3, int), read(sys.argv[2], 2, 4, float)
print(json.dumps({measure: sum(values(qrels, run, measure)) / len(qrels) for measure in sys.argv[3:]}))
