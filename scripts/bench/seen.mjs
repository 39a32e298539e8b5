// What a person sees, in real Chromium: how soon the first picture comes, whether all of them are shown, how old they are
// beside a connection without a server, and what the browser loads.
import { execFileSync } from "node:child_process";
import { median } from "./figures.mjs";
import { answerDirect, drawClock, endAll, offerDirect, readClock } from "./glass.mjs";
import { weiquan } from "./rig.mjs";

const JOINS = 10;
/** A person's tap: the program's own lasts no time at all. */
const RESTS_MS = 80;
const WATCHED = 5;
const READINGS = 200;
const SETTLE_MS = 3_000;
const CODEC = "video/H264";

export async function seen({ rounds, tell }) {
  process.env.WEIQUAN_BIN = weiquan;
  process.env.WEIQUAN_PYTHON ??= execFileSync("scripts/python.sh").toString().trim();
  const { World } = await import("../../tests/browser/world.mjs");
  const { join, film, presentedAfter } = await import("../../tests/browser/playback.mjs");
  const { publish } = await import("../../tests/browser/firefox.mjs");
  const world = await World.start();
  console.error(`  weiquan serve ${world.sets.map((set) => `--set ${set}`).join(" ")}`);
  try {
    const slug = await world.setUp();
    await world.ffmpeg(await world.streamKey(slug));
    const browser = await world.browser();
    await firstLoad(world, browser, slug, tell);
    await firstFrames({ world, browser, slug, join, tell });
    await allFrames({ world, browser, slug, join, film, presentedAfter, tell });
    for (const child of world.children) if (child !== world.server) child.kill();
    await glassToGlass({ world, browser, rounds, join, publish, tell });
  } finally {
    await world.end();
  }
}

/** In the language whose words take the most. */
async function firstLoad(world, browser, slug, tell) {
  const { kib, loaded } = await import("../../tests/browser/loaded.mjs");
  const all = [];
  for (const language of ["zh-CN", "zh-TW", "en"]) all.push(await loaded(world, browser, slug, language));
  const largest = all.reduce((a, b) => (kib(a) > kib(b) ? a : b));
  tell("whole.app_kb", [kib(largest)], `make bench ONLY=seen (the ${largest.size} files that Chromium loads for home and a live room in the largest language, gzip)`);
}

async function firstFrames({ world, browser, slug, join, tell }) {
  await (await join(world, browser, slug)).close(); // warms the browser: its first page compiles everything
  // In turns, so that both meet the same machine.
  const [struck, rested] = [[], []];
  for (let n = 0; n < 2 * JOINS; n++) {
    const restsMs = n % 2 ? RESTS_MS : 0;
    const page = await join(world, browser, slug, { restsMs });
    (restsMs ? rested : struck).push(await page.evaluate(() => window.frames_seen.first));
    await page.close();
  }
  const of = `to the first picture shown, ${JOINS} joins of FFmpeg's film`;
  console.error(`  first frames after ${struck.map(Math.round).join(", ")} ms; after a finger that rests ${rested.map(Math.round).join(", ")} ms`);
  tell("whole.first_frame_ms", struck, `make bench ONLY=seen (a guest's tap on the card ${of})`);
  tell("whole.first_frame_ms_rested", rested, `make bench ONLY=seen (a finger rests ${RESTS_MS} ms on the card, as a person's does; from its lifting ${of})`);
}

async function allFrames({ world, browser, slug, join, film, presentedAfter, tell }) {
  const shares = [];
  for (let n = 0; n < WATCHED; n++) {
    const page = await join(world, browser, slug);
    shares.push((await presentedAfter(page, film)).presented);
    await page.close();
  }
  console.error(`  presented ${shares.map((it) => it.toFixed(3)).join(", ")} of the film`);
  tell("whole.presented_fps_ratio", shares, `make bench ONLY=seen (shown of the film's pictures, 2 s to 12 s after a join; ${WATCHED} joins)`);
}

/** Each round once through the server (WHIP to the web app) and once from page to page, with nothing else running. */
async function glassToGlass({ world, browser, rounds, join, publish, tell }) {
  const studio = await world.browser();
  const [ours, direct, readings] = [[], [], { ours: 0, direct: 0, unread: 0 }];
  const read = async (page, kind) => {
    const { ages, unread } = await page.evaluate(readClock, READINGS, SETTLE_MS);
    if (ages.length < READINGS) throw new Error(`the clock was read only ${ages.length} times (${unread} pictures said no time)`);
    readings[kind] += ages.length;
    readings.unread += unread;
    return median(ages);
  };
  const source = async () => {
    const page = await world.page(studio);
    await page.goto(world.base);
    await page.evaluate(drawClock);
    return page;
  };
  for (let round = 0; round < rounds; round++) {
    const slug = `glass-${round}`;
    await world.post("/api/v1/rooms", { title: slug, guests: true, slug }, world.owner);
    let from = await source();
    await from.evaluate(publish, await world.streamKey(slug), CODEC);
    let to = await join(world, browser, slug);
    ours.push(await read(to, "ours"));
    await from.evaluate(endAll);
    await Promise.all([from.close(), to.close()]);

    from = await source();
    to = await world.page(browser);
    await to.goto(world.base);
    const answer = await to.evaluate(answerDirect, await from.evaluate(offerDirect, CODEC));
    await from.evaluate(offerDirect, CODEC, answer);
    direct.push(await read(to, "direct"));
    await from.evaluate(endAll);
    await Promise.all([from.close(), to.close()]);
    console.error(`  round ${round + 1}: pictures are ${ours.at(-1)} ms old beside ${direct.at(-1)} ms without a server`);
  }
  const command = `make bench ONLY=seen (a clock in the picture, published by WHIP and read in the web app; ${READINGS} readings a round; H264, 640 × 360)`;
  const peer = { peer: "Chromium to Chromium", readings };
  tell("whole.glass_to_glass_ratio", ours.map((it, n) => it / direct[n]), command, peer);
  tell("whole.glass_to_glass_ms", ours, command, { readings });
  tell("whole.glass_to_glass_ms_direct", direct, command, peer);
}
