// What home and a live room fetch by themselves until they are quiet, each file once.
import { readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "./world.mjs";

const gzip = (name) => gzipSync(readFileSync(path.join(root, "clients/web/dist", name)), { level: 9 }).length;

/** Their names with what each is, in bytes of gzip. The room has to be live. */
export async function loaded(world, browser, slug, language) {
  const files = new Set(["/index.html"]);
  for (const address of ["/", `/r/${slug}`]) {
    const page = await world.page(browser, { language });
    await page.goto(world.base + address);
    await page.waitForSelector(address === "/" ? `a[href="/r/${slug}"]` : "video.seen");
    // Home keeps one question open: its list comes when it is another.
    await page.waitForNetworkIdle({ idleTime: 1_000, concurrency: 1 });
    const names = await page.evaluate(() => performance.getEntriesByType("resource").map((it) => new URL(it.name).pathname));
    for (const name of names) if (!name.startsWith("/api/")) files.add(name);
    await page.close();
  }
  return new Map([...files].map((name) => [name, gzip(name)]));
}

export const kib = (files) => [...files.values()].reduce((sum, bytes) => sum + bytes, 0) / 1_024;
