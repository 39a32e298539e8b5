/**
 * Looks at what was built: the first load of home and live room is at most 120 KB gzip, studio and search come
 * by their own routes, nothing of the stand-in is inside, no inline script, nothing from elsewhere.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const FIRST_LOAD_MAX = 120 * 1024;
const dist = join(import.meta.dirname, "../dist");
const read = (name) => readFileSync(join(dist, name), "utf8");
const gzip = (name) => gzipSync(readFileSync(join(dist, name)), { level: 9 }).length;
const fail = (text) => {
  console.error(`bundle: ${text}`);
  process.exitCode = 1;
};

const page = read("index.html");
const scripts = readdirSync(join(dist, "assets")).filter((it) => it.endsWith(".js")).map((it) => `assets/${it}`);

/** The page, what it names, and what those import statically. */
const first = new Set(["index.html"]);
const queue = [...page.matchAll(/(?:src|href)="\/((?:assets\/[^"]+|theme)\.(?:js|css))"/g)].map((it) => it[1]);
for (let name = queue.pop(); name; name = queue.pop()) {
  if (first.has(name)) continue;
  first.add(name);
  if (!name.startsWith("assets/") || !name.endsWith(".js")) continue;
  for (const [, imported] of read(name).matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) queue.push(`assets/${imported}`);
}
// One dictionary comes with every first load: count the largest.
const dictionaries = scripts.filter((it) => /assets\/(zh-CN|zh-TW|en)-/.test(it));
if (dictionaries.length !== 3) fail(`expected three dictionaries, found ${dictionaries}`);
const dictionary = dictionaries.reduce((a, b) => (gzip(a) > gzip(b) ? a : b));
first.add(dictionary);
// Home asks for its list of topics by itself: what that takes comes as well.
const lists = scripts.filter((it) => /assets\/topics-/.test(it));
if (lists.length === 0) fail("expected the lists of topics to be a part of their own");
for (const name of lists) first.add(name);

const sizes = [...first].map((name) => [name, gzip(name)]);
const total = sizes.reduce((sum, [, size]) => sum + size, 0);
if (total > FIRST_LOAD_MAX) fail(`the first load is ${total} bytes gzip, more than ${FIRST_LOAD_MAX}`);

const studio = scripts.filter((it) => read(it).includes("-f whip -authorization"));
if (studio.length !== 1 || first.has(studio[0])) fail(`the studio must come by its own route: ${studio}`);
const search = scripts.filter((it) => read(it).includes("data-hit"));
if (search.length !== 1 || first.has(search[0])) fail(`the search must come by its own route: ${search}`);
for (const name of scripts) {
  if (/fakeRoom|FakeWeiquan/.test(read(name))) fail(`${name} holds the stand-in`);
}
if (/<script(?![^>]*\bsrc=)/.test(page) || /<style|\sstyle=|\son\w+=/.test(page)) fail("the page has inline script or style");
if (/(?:src|href)="(?:https?:)?\/\//.test(page)) fail("the page asks for something from elsewhere");

for (const [name, size] of sizes.sort((a, b) => b[1] - a[1])) console.log(`${String(size).padStart(7)}  ${name}`);
console.log(`${String(total).padStart(7)}  first load, gzip (at most ${FIRST_LOAD_MAX})`);
