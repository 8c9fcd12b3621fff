"use client";
import { useState } from "react";
import { useCatalog } from "./react.js"; // a copy of ../../react.js

export function Search() {
  const [query, setQuery] = useState("");
  const { result, error } = useCatalog("/catalog/", query);
  return (
    <>
      <input type="search" aria-label="搜索" value={query} onChange={(event) => setQuery(event.target.value)} />
      {error && <p role="alert">{error.message}</p>}
      <ol>
        {result?.hits.map(({ id, fields }) => (
          <li key={id}>{fields.title}</li>
        ))}
      </ol>
    </>
  );
}
