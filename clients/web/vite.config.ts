import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * `--mode fake` builds the same app on a stand-in that needs no server, into `dist-fake`: screenshots
 * and browser checks run against it. Nothing of it is in the ordinary bundle: the entry differs.
 */
export default defineConfig(({ mode }) => {
  const fake = mode === "fake";
  return {
    plugins: [svelte()],
    resolve: {
      alias: {
        "@weiquan/client": here("../js/src/index.ts"),
        "#platform": here(fake ? "src/fake/platform.ts" : "src/app/platform.ts"),
      },
    },
    server: {
      fs: { allow: [here("."), here("../js")] },
      proxy: { "/api": "http://127.0.0.1:8080", "/ws": { target: "ws://127.0.0.1:8080", ws: true } },
    },
    build: {
      outDir: fake ? "dist-fake" : "dist",
      target: "es2022",
      // The server's policy allows no inline script and no data: address.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
    test: { include: ["test/**/*.test.ts"], environment: "node" },
  };
});
