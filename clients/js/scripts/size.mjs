// Bundles the built SDK as the web app's build does, and holds it to its size: what every page
// loads, without the studio's sources and meter, which only the studio's route imports.
//
// 22.625 KB: chat, presence, watching, hosting, moderating and topics together, at under a tenth of the 250 KB that a room page
// may weigh. What only some pages need (the studio's sources, what inflates messages, lists of topics) is not counted, because it is not
// loaded; nor is the loader of such parts that Vite adds, which a page with more than one route has anyway.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const BYTES_MAX = 22.625 * 1024;
const library = fileURLToPath(new URL("../dist/index.js", import.meta.url));

const page = await size(`export { Weiquan, Refused, Unreachable } from ${JSON.stringify(library)}`);
const all = await size(`export * from ${JSON.stringify(library)}`);
console.log(`@weiquan/client: ${page} bytes gzip of ${BYTES_MAX}; with the studio's sources ${all}`);
if (page > BYTES_MAX) process.exitCode = 1;

async function size(code) {
  const input = "entry.js";
  const entry = {
    name: "entry",
    resolveId: (id) => (id === input ? id : null),
    load: (id) => (id === input ? code : null),
    transform: (code, id) =>
      id.endsWith("/deflated.js") ? code.replace('import("../', 'loaded("../') : null,
  };
  const made = await build({
    configFile: false,
    logLevel: "error",
    plugins: [entry],
    build: {
      write: false,
      target: "es2022",
      modulePreload: false,
      rollupOptions: { input, preserveEntrySignatures: "strict" },
    },
  });
  const [{ output }] = [made].flat();
  return gzipSync(output[0].code, { level: 9 }).length;
}
