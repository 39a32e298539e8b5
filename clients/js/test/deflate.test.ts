/** Deflated messages: whether they are asked for, what is made of them, and what happens where they are bad. */
import { readFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Deflated, LOAD_WITHIN_MS } from "../src/connection/deflated.js";
import { DICTIONARY_1 } from "../src/deflate/dictionary.js";
import { inflate } from "../src/deflate/inflate.js";
import { DICTIONARY, INFLATED_BYTES_MAX } from "../src/limits.js";
import { HandClock, settled } from "./clock.js";
import { World } from "./world.js";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const deflate = (text: string): Uint8Array =>
  deflateRawSync(text, { dictionary: Buffer.from(DICTIONARY_1), level: 9 });
const long = "今晚几点开始抽奖？".repeat(8);

describe("a message", () => {
  it("is read with the dictionary of the server", () => {
    expect(DICTIONARY_1).toBe(read("../../../src/deflate/dictionary-1.txt"));
    const text = JSON.stringify({ op: "ev", a: 7, s: [1, 1], ev: [{ s: 1, b: { text: long } }] });
    expect(inflate(deflate(text))).toBe(text);
    expect(inflate(deflate("a"))).toBe("a");
  });

  it("is as long as a text may be, and no longer", () => {
    expect(inflate(deflate("0".repeat(INFLATED_BYTES_MAX)))).toHaveLength(INFLATED_BYTES_MAX);
    expect(inflate(deflate("0".repeat(INFLATED_BYTES_MAX + 1)))).toBeNull();
    expect(inflate(deflate("0".repeat(64 * INFLATED_BYTES_MAX)))).toBeNull();
    // Nothing of a bomb stays behind.
    expect(inflate(deflate("大厅"))).toBe("大厅");
  });

  it("that is cut, or no text, is none", () => {
    const whole = deflate(long);
    for (let length = 0; length < whole.length; length++) {
      expect(inflate(whole.subarray(0, length)), `${length} bytes`).toBeNull();
    }
    expect(inflate(deflateRawSync(Buffer.from([0xff, 0xfe])))).toBeNull();
  });
});

describe("what a connection needs for it", () => {
  const text = (): string => "text";

  it("is loaded once, and only where it is wanted", async () => {
    let loads = 0;
    let wanted = false;
    const load = () => Promise.resolve((loads++, text));
    const it = new Deflated(() => wanted, load, new HandClock());
    expect(await it.dictionary()).toBeNull();
    expect(loads).toBe(0);
    wanted = true;
    expect([await it.dictionary(), await it.dictionary()]).toEqual([DICTIONARY, DICTIONARY]);
    expect(loads).toBe(1);
  });

  it("is done without where it does not come, and asked for again by the next", async () => {
    const answers = [() => Promise.reject(new TypeError("no network")), () => Promise.resolve(text)];
    const it = new Deflated(
      () => true,
      () => answers.shift()!(),
      new HandClock(),
    );
    expect(await it.dictionary()).toBeNull();
    expect(await it.dictionary()).toBe(DICTIONARY);
  });

  it("is not waited for longer than a connection bears", async () => {
    const clock = new HandClock();
    let came = (_: typeof text): void => {};
    const it = new Deflated(
      () => true,
      () => new Promise((done) => (came = done)),
      clock,
    );
    const first = it.dictionary();
    await clock.advance(LOAD_WITHIN_MS);
    expect(await first).toBeNull();
    came(text);
    await settled();
    expect(await it.dictionary()).toBe(DICTIONARY);
    expect(clock.waiting).toBe(0);
  });
});

describe("a client", () => {
  const opened = async (compress: boolean): Promise<World> => {
    const world = new World();
    world.compress = compress;
    for (let n = 0; n < 20; n++) world.server.say("lobby", `${n} ${long}`);
    await world.inLobby();
    return world;
  };
  const hellos = (world: World): unknown[] =>
    world.server.heard.flatMap((it) => (it.op === "hello" ? [it.z ?? null] : []));

  it("that did not ask hears text", async () => {
    const world = await opened(false);
    expect(hellos(world)).toEqual([null]);
    expect(world.server.open.map((it) => it.deflated)).toEqual([0]);
    expect(world.texts).toHaveLength(10);
  });

  it("that asked makes the same of it", async () => {
    const world = await opened(true);
    const plain = await opened(false);
    for (const { server, clock } of [world, plain]) {
      server.say("lobby", `neu ${long}`);
      server.say("lobby", "短");
      await clock.advance(100);
    }
    expect(hellos(world)).toEqual([DICTIONARY]);
    // The answer to the join, and both records: each is a frame of more than 128 bytes.
    expect(world.server.open.map((it) => it.deflated)).toEqual([3]);
    expect(world.texts).toEqual(plain.texts);
    expect(world.texts.slice(-2)).toEqual([`neu ${long}`, "短"]);
    void world.client.room("lobby").older();
    await world.clock.advance(100);
    expect(world.server.open.map((it) => it.deflated)).toEqual([4]);
    expect(world.texts).toHaveLength(22);
  });

  it("hears text from a server that does not know its dictionary", async () => {
    const world = new World();
    world.compress = true;
    world.server.dictionary = DICTIONARY + 1;
    world.server.say("lobby", long);
    await world.inLobby();
    expect(world.server.open.map((it) => it.deflated)).toEqual([0]);
    expect(world.texts).toEqual([long]);
  });

  it("asks at each connection anew", async () => {
    const world = await opened(false);
    world.compress = true;
    world.server.cutAll();
    await world.clock.advance(1_000);
    world.compress = false;
    world.server.cutAll();
    await world.clock.advance(1_000);
    expect(hellos(world)).toEqual([null, DICTIONARY, null]);
  });

  it("comes back without it where a message cannot be read, and misses nothing", async () => {
    const world = await opened(true);
    world.server.damage = (it) => it.subarray(0, it.length - 3);
    world.server.say("lobby", `a ${long}`);
    world.server.say("lobby", `b ${long}`);
    await world.clock.advance(2_000);
    expect(hellos(world)).toEqual([DICTIONARY, null]);
    expect(world.texts.slice(-3)).toEqual([`19 ${long}`, `a ${long}`, `b ${long}`]);
    expect(world.view.gaps).toEqual([]);
    expect(world.client.status.get().state).toBe("online");
  });
});
