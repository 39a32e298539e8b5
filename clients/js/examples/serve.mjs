// Serves this folder and hands everything that is the server's on to it, so that page and server share an origin:
//
//   node serve.mjs http://127.0.0.1:8080 8000      and open http://127.0.0.1:8000/page.html?room=lobby
//
// It is for trying things out. In production a reverse proxy does this (docs/OPERATING.md).
import { readFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { extname, join, normalize } from "node:path";

const [base = "http://127.0.0.1:8080", port = "8000"] = process.argv.slice(2);
const server = new URL(base);
const kinds = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript" };

/** The same request at the server, under the name that the browser knows: it compares that with the page's. */
const onward = ({ method, url, headers }) =>
  request({ host: server.hostname, port: server.port || 80, method, path: url, headers });

const front = createServer(async (asked, answer) => {
  const { pathname } = new URL(asked.url, "http://page");
  if (pathname.startsWith("/api/")) {
    const passed = onward(asked);
    passed.on("response", (it) => it.pipe(answer.writeHead(it.statusCode, it.headers)));
    passed.on("error", () => answer.writeHead(502).end());
    return asked.pipe(passed);
  }
  try {
    const file = await readFile(join(import.meta.dirname, normalize(decodeURIComponent(pathname))));
    answer
      .writeHead(200, { "content-type": kinds[extname(pathname)] ?? "application/octet-stream" })
      .end(file);
  } catch {
    answer.writeHead(404).end("not here");
  }
});

front.on("upgrade", (asked, socket, head) => {
  const passed = onward(asked).end();
  passed.on("upgrade", (answer, other, first) => {
    const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
    socket.write(first);
    other.write(head);
    socket.on("error", () => other.destroy()).pipe(other);
    other.on("error", () => socket.destroy()).pipe(socket);
  });
  passed.on("response", () => socket.destroy());
  passed.on("error", () => socket.destroy());
});

front.listen(Number(port), "127.0.0.1", () =>
  console.log(`http://127.0.0.1:${front.address().port}/page.html`),
);
