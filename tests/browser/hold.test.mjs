// The web app holds on: its picture outlives a hiccup of the chat, a change of path and a look at another tab.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World, countFrames, until } from "./world.mjs";
import { Line, throughRelay } from "./line.mjs";

let world, slug, line, browser;

before(async () => {
  world = await World.start();
  slug = await world.setUp();
  await world.ffmpeg(await world.streamKey(slug));
  line = await Line.open(world.ports[0], world.ports[3]);
  browser = await world.browser();
});
after(async () => {
  line?.close();
  await world?.end();
});

/** A page of a guest, all of whose traffic goes through the line, once it plays. */
async function watching() {
  const page = await world.page(browser);
  await page.evaluateOnNewDocument(throughRelay, world.ports[3], line.udp);
  return opened(page);
}

async function opened(page) {
  await page.evaluateOnNewDocument(countFrames);
  await page.goto(`http://127.0.0.1:${line.tcp}/r/${slug}`);
  await page.waitForFunction(() => window.frames_seen?.count > 25, { timeout: 30_000 });
  return page;
}

/** Pictures come from now on, in the one connection that there ever was. */
async function goesOn(page, frames = 25) {
  await page.evaluate(() => (window.frames_seen.mark = window.frames_seen.count));
  await page.waitForFunction((frames) => window.frames_seen.count > window.frames_seen.mark + frames, { timeout: 20_000 }, frames);
  assert.equal(await page.evaluate(() => window.peers.length), 1);
}

async function metric(name) {
  const text = await (await fetch(`http://127.0.0.1:${world.ports[1]}/metrics`)).text();
  return Number(text.match(new RegExp(`^${name} (\\d+)$`, "m"))?.[1] ?? 0);
}

/** In the page: what has come so far. */
async function received() {
  const stats = [...(await window.peers.at(-1).getStats()).values()].filter((it) => it.type === "inbound-rtp");
  const of = (kind) => stats.find((it) => it.kind === kind)?.packetsReceived ?? 0;
  return { video: of("video"), audio: of("audio") };
}

test("B10: a picture goes on over a hiccup of the chat, and the chat over it", { timeout: 120_000 }, async () => {
  const page = await watching();
  await page.evaluate(() => {
    window.gaps = [];
    const video = document.querySelector("video");
    let last = performance.now();
    const each = (now) => {
      window.gaps.push(now - last);
      last = now;
      video.requestVideoFrameCallback(each);
    };
    video.requestVideoFrameCallback(each);
  });
  await line.drop();
  await until("a peer taken over", async () => (await metric("weiquan_peers_resumed_total")) === 1);
  await goesOn(page, 50);
  // Past the grace: nobody ends it any more.
  await page.waitForFunction((since) => performance.now() > since + 12_000, { timeout: 30_000 }, await page.evaluate(() => performance.now()));
  await goesOn(page);
  const worst = await page.evaluate(() => Math.max(...window.gaps.slice(1)));
  console.log(`the longest wait for a picture over the hiccup: ${worst.toFixed(0)} ms`);
  assert.ok(worst < 1_000, `the picture stood still for ${worst} ms`);
  const writer = await world.writer(slug);
  writer.say("还在吗？");
  await page.waitForFunction(() => document.body.innerText.includes("还在吗？"), { timeout: 10_000 });
  assert.deepEqual(page.problems, []);
  await page.close();
});

test("B12: when the path breaks, ICE restarts under the picture", { timeout: 120_000 }, async () => {
  const page = await watching();
  const before = await metric("weiquan_media_ice_restarts_total");
  const keys = await page.evaluate(certificate);
  await line.mute(true);
  await until("an ICE restart", async () => (await metric("weiquan_media_ice_restarts_total")) > before);
  await line.mute(false);
  await goesOn(page);
  assert.deepEqual(await page.evaluate(certificate), keys, "no new handshake");
  assert.deepEqual(page.problems, []);
  await page.close();
});

/** In the page: whose keys carry the picture. */
async function certificate() {
  const transport = [...(await window.peers.at(-1).getStats()).values()].find((it) => it.type === "transport");
  return { remote: transport.remoteCertificateId, state: transport.dtlsState };
}

test("B11: a page that nobody looks at gets sound alone, and its picture at the first look", { timeout: 120_000 }, async () => {
  const page = await watching();
  await page.evaluate(() => {
    let state = "visible";
    Object.defineProperty(document, "visibilityState", { get: () => state });
    window.look = (seen) => {
      state = seen ? "visible" : "hidden";
      document.dispatchEvent(new Event("visibilitychange"));
    };
    window.look(false);
  });
  await page.waitForFunction(still, { timeout: 30_000, polling: 1_000 });
  const hidden = await page.evaluate(received);
  await until("sound going on", async () => (await page.evaluate(received)).audio > hidden.audio + 50);
  assert.equal((await page.evaluate(received)).video, hidden.video, "no picture is sent");
  const took = await page.evaluate(async () => {
    const since = performance.now();
    const video = document.querySelector("video");
    window.look(true);
    await new Promise((done) => video.requestVideoFrameCallback(done));
    return performance.now() - since;
  });
  console.log(`the picture was back ${took.toFixed(0)} ms after the look`);
  assert.ok(took < 2_000, `${took} ms`);
  await goesOn(page);
  assert.deepEqual(page.problems, []);
  await page.close();
});

/** In the page: a second passed in which sound came and no picture. */
async function still() {
  const stats = [...(await window.peers.at(-1).getStats()).values()].filter((it) => it.type === "inbound-rtp");
  const of = (kind) => stats.find((it) => it.kind === kind)?.packetsReceived ?? 0;
  const [before, now] = [window.now, { video: of("video"), audio: of("audio") }];
  window.now = now;
  return before !== undefined && now.video === before.video && now.audio > before.audio;
}

test("H4: two tabs of one browser both watch and both hear the chat, and are one person", { timeout: 120_000 }, async () => {
  const first = await watching();
  const second = await first.browserContext().newPage();
  second.problems = [];
  second.on("pageerror", (error) => second.problems.push(String(error)));
  await second.goto(`http://127.0.0.1:${line.tcp}/r/${slug}`);
  await second.waitForFunction(() => document.querySelector("video")?.videoWidth > 0, { timeout: 30_000 });
  const writer = await world.writer(slug);
  writer.say("两个标签页都在。");
  // The tab behind gets few animation frames, so the question is asked by time.
  for (const page of [first, second])
    await page.waitForFunction(() => document.body.innerText.includes("两个标签页都在。"), { timeout: 20_000, polling: 200 });
  await first.bringToFront();
  await goesOn(first);
  assert.deepEqual([...first.problems, ...second.problems], []);
  // What the system's own player shows of it.
  const shown = await first.evaluate(() => {
    const { metadata, playbackState } = navigator.mediaSession;
    return { title: metadata?.title, host: metadata?.artist, artwork: metadata?.artwork[0]?.src.slice(0, 16), playbackState };
  });
  assert.deepEqual(shown, { title: "《大连接》共读第三夜", host: "林小满", artwork: "data:image/jpeg;", playbackState: "playing" });
});
