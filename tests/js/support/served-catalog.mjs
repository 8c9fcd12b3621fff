// A catalog of 2,500 items with codes and rows of 768 numbers, on a server with faults.
import { wideCatalog } from "../../packaging/support/edge-catalog.mjs";
import { TITLES } from "./catalogs.mjs";
import { faultServer } from "./fault-server.mjs";
import { filesOf } from "./paths.mjs";

/** Returns `{ folder, server, name, size, end }`: `name` and `size` are those of the catalog's file. */
export async function serveWideCatalog() {
  const ends = [];
  const folder = wideCatalog({ after: (end) => ends.push(end) }, { items: 2500, titles: TITLES, codes: "yes" });
  const list = filesOf(folder, ["catalog.json"]);
  const [name] = JSON.parse(new TextDecoder().decode(list["catalog.json"])).files;
  const files = { ...list, ...filesOf(folder, [name]) };
  const server = await faultServer(files);
  const end = async () => {
    await server.close();
    for (const end of ends) end();
  };
  return { folder, server, name, size: files[name].length, end };
}
