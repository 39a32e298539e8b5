// What a deflated frame costs a client, beside reading its JSON: inflate.mjs FRAMES, a file with one frame a line, as
// `cargo run --release -p weiquan-deflate --example measure -- LINES --frames DIR` writes them. The SDK must be built.
import { readFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { inflate } from "../dist/deflate/inflate.js";

const dictionary = readFileSync(new URL("../../../src/deflate/dictionary-1.txt", import.meta.url));
const [file] = process.argv.slice(2);
const frames = readFileSync(file, "utf8").split("\n");
const messages = frames.map((it) => new Uint8Array(deflateRawSync(it, { dictionary, level: 1 })));
messages.forEach((it, n) => {
  if (inflate(it) !== frames[n]) throw new Error(`frame ${n} is another one`);
});

/** ns of one call, the best round of seven. */
function best(all, run) {
  const rounds = Array.from({ length: 7 }, () => {
    const start = process.hrtime.bigint();
    for (const it of all) run(it);
    return Number(process.hrtime.bigint() - start) / all.length;
  });
  return Math.round(Math.min(...rounds));
}

console.log(
  `${frames.length} frames: ${best(messages, inflate)} ns to inflate one, ${best(frames, JSON.parse)} ns to read its JSON`,
);
