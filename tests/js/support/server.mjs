// A small HTTP server whose answers a test decides.
import { createServer } from "node:http";

/** Starts a server; `answer(path, response, request)` answers. Returns its address and a function that stops it. */
export async function serveWith(answer) {
  const server = createServer((request, response) => answer(request.url.slice(1), response, request));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref(); // a test that fails before it closes the server still ends
  return {
    address: `http://127.0.0.1:${server.address().port}/`,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

/** Answers with files in memory, by path; with 404 for other paths. */
export const fromFiles = (files) => (name, response) => {
  const contents = files[decodeURIComponent(name.split("?")[0])];
  if (contents === undefined) response.writeHead(404).end("no such file");
  else
    response
      .writeHead(200, { "content-length": contents.length, "content-type": "application/octet-stream" })
      .end(contents);
};
