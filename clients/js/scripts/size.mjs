// Bundles the built SDK as the web app's build does, and holds it to its size.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const BYTES_MAX = 15 * 1024;
const entry = fileURLToPath(new URL("../dist/index.js", import.meta.url));

const made = await build({
  configFile: false,
  logLevel: "error",
  build: {
    write: false,
    target: "es2022",
    modulePreload: false,
    rollupOptions: { input: entry, preserveEntrySignatures: "strict" },
  },
});
const [{ output }] = [made].flat();
const bytes = gzipSync(output[0].code, { level: 9 }).length;
console.log(`@weiquan/client: ${bytes} bytes gzip of ${BYTES_MAX}`);
if (bytes > BYTES_MAX) process.exitCode = 1;
