import { Search } from "./search.jsx";

// Rendered on the server. The catalog is loaded in the browser.
export default function Page() {
  return (
    <main>
      <h1>商品搜索</h1>
      <Search />
    </main>
  );
}
