import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What the page needs beside what is built: files of `public` that keep their names. */
const NAMED = ["/theme.js", "/favicon.svg", "/icon-192.png", "/manifest.webmanifest"];

/** Writes the worker that keeps the shell: its version is a hash of everything in it. */
function shellWorker(): Plugin {
  return {
    name: "weiquan-shell-worker",
    apply: "build",
    writeBundle({ dir }, bundle) {
      if (dir === undefined) throw new Error("the build has no folder");
      const built = Object.keys(bundle).filter((it) => it.startsWith("assets/")).map((it) => `/${it}`);
      const shell = ["/", ...NAMED, ...built.sort()];
      const hash = createHash("sha256");
      for (const path of shell) hash.update(path).update(readFileSync(join(dir, path === "/" ? "index.html" : path)));
      const worker = readFileSync(here("worker/sw.js"), "utf8")
        .replace("%VERSION%", hash.digest("hex").slice(0, 16))
        .replace('["%SHELL%"]', JSON.stringify(shell));
      writeFileSync(join(dir, "sw.js"), worker);
    },
  };
}

/**
 * `--mode fake` builds the same app on a stand-in that needs no server, into `dist-fake`: screenshots
 * and browser checks run against it. Nothing of it is in the ordinary bundle: the entry differs.
 */
export default defineConfig(({ mode }) => {
  const fake = mode === "fake";
  return {
    plugins: [svelte(), ...(fake ? [] : [shellWorker()])],
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
