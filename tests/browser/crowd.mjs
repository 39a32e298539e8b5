// The load generator beside the browsers: many people in a room, or many who watch, each delivery checked.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "./world.mjs";

export const generator = process.env.WEIQUAN_LOADTEST ?? path.join(root, "target/debug/weiquan-loadtest");

export class Crowd {
  /** `n` people with tokens of their own, of whom none has an account. */
  static async of(world, n) {
    const it = new Crowd();
    it.world = world;
    it.door = await world.door();
    it.tokens = path.join(world.folder, "tokens");
    writeFileSync(it.tokens, await world.tokens(n));
    return it;
  }

  /** Viewers in a room who check each delivery, and writers who speak; resolves to the report once all have left. */
  async talk(slug, { viewers, writers, rate, joinRate, seconds }) {
    const report = await this.#run("crowd", { room: slug, tokens: this.tokens, viewers, writers, rate, "join-rate": joinRate, warmup: 0, seconds });
    // Late sends are the generator's, on a machine that does much besides; what was sent must be right all the same.
    for (const wrong of ["lost", "double", "disorder", "holes", "gaps", "forgotten", "closed", "cuts"])
      assert.equal(report[wrong], 0, `${wrong}: ${JSON.stringify(report)}`);
    assert.deepEqual(report.refused, {});
    return report;
  }

  /** Viewers of the media, by WHEP. */
  watch(slug, { viewers, seconds }) {
    return this.#run("viewers", { room: slug, viewers, "join-rate": 10, warmup: 0, seconds });
  }

  async #run(what, given) {
    const to = path.join(this.world.folder, `${what}-${process.hrtime.bigint()}.json`);
    const flags = Object.entries({ server: `127.0.0.1:${this.door}`, json: to, ...given }).flatMap(([key, value]) => [`--${key}`, String(value)]);
    const child = this.world.run(generator, [what, ...flags]);
    let text = "";
    child.stdout.on("data", (it) => (text += it));
    const code = await new Promise((done) => child.on("close", done));
    assert.ok([0, 1, 3].includes(code), `${what} ended with ${code}: ${text}`);
    return JSON.parse(readFileSync(to, "utf8"));
  }
}
