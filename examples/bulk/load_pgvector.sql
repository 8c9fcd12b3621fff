-- Loads the JSONL of `corom embed` into PostgreSQL with pgvector:
--
--   corom embed items.tsv items.jsonl -m models/corom --header --column title
--   psql -v ON_ERROR_STOP=1 -v dimension=768 -f load_pgvector.sql shop < items.jsonl
--
-- For `--vectors f16`, `vector` becomes `halfvec`, which takes half the space: -v type=halfvec.
\if :{?type}
\else
  \set type vector
\endif
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE items (sku text PRIMARY KEY, title text, embedding :type(:dimension));
-- One column of whole lines: no line has the bytes 1 and 2.
CREATE TEMP TABLE lines (line jsonb);
\copy lines FROM pstdin (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')
INSERT INTO items SELECT line->>'sku', line->>'title', (line->'embedding')::text:::type FROM lines;
-- Vectors without normalization are compared by their cosine.
SELECT format('CREATE INDEX ON items USING hnsw (embedding %s_cosine_ops)', :'type') \gexec
