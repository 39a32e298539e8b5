/**
 * Voice notes, in the stand-in build, with a microphone that hears a file: what Chromium captures by
 * `getUserMedia` and writes by `MediaRecorder` is what a person's would be.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DESK, PHONE, inRoom, serious, standIn, tooWide } from "./on.mjs";

const TONE_HZ = 440;
const folder = mkdtempSync(join(tmpdir(), "weiquan-voice-"));
let engine;
before(async () => {
  const file = join(folder, "hears.wav");
  writeFileSync(file, wav());
  engine = await standIn(["--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${file}`, "--autoplay-policy=user-gesture-required"]);
});
after(async () => {
  await engine?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Half a second of a tone and half a second of silence, which the browser plays over and over. */
function wav(rate = 48_000) {
  const samples = Int16Array.from({ length: rate }, (_, n) => (n < rate / 2 ? 20_000 * Math.sin((2 * Math.PI * TONE_HZ * n) / rate) : 0));
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples.byteLength, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(samples.byteLength, 40);
  return Buffer.concat([head, Buffer.from(samples.buffer)]);
}

/** A member's page in a room; the microphone is allowed or not. Every stream that was opened is remembered. */
const on = (view, setting, check) =>
  engine.on(inRoom("live"), view, async (page) => {
    const debug = await page.createCDPSession();
    await debug.send("Browser.setPermission", { permission: { name: "microphone" }, setting, origin: engine.address, browserContextId: page.browserContext().id });
    await page.evaluate(() => {
      window.streams = [];
      const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wish) => {
        const stream = await real(wish);
        window.streams.push(stream);
        return stream;
      };
    });
    await page.waitForSelector("[data-act=attach]");
    await page.click("[data-act=attach]");
    await page.waitForSelector("[data-act=voice]");
    await check(page);
  });

/** Records until so much is heard. */
async function begin(page, from = "0:01") {
  await page.click("[data-act=voice]");
  await page.waitForFunction((from) => (document.querySelector(".recorder .num")?.textContent ?? "") >= from, { polling: 50 }, from);
}
const done = (page) => page.click("[data-act=recorded]");
const released = (page) =>
  page.waitForFunction(() => window.streams.length > 0 && window.streams.every((it) => it.getTracks().every((track) => track.readyState === "ended")));
const ready = (page) => page.waitForFunction(() => document.querySelector(".write li") && !document.querySelector(".row .main").disabled);
/** Presses play, and waits until it is heard to go on. */
async function hear(page, selector) {
  await page.click(`${selector} .btn.icon`);
  await page.waitForFunction((it) => (document.querySelector(`${it} audio`)?.currentTime ?? 0) > 0.2, { polling: 50 }, selector);
  assert.match(await page.$eval(`${selector} .btn.icon`, (it) => it.getAttribute("aria-label")), /暂停/);
}

/** What was recorded, as the browser itself reads it: how long, how loud along the way, and which tone. */
const heard = (page) =>
  page.evaluate(async () => {
    const file = await new Promise((found) => {
      const request = indexedDB.open("weiquan.tray");
      request.onsuccess = () => {
        const all = request.result.transaction("files").objectStore("files").getAll();
        all.onsuccess = () => (request.result.close(), found(all.result[0]));
      };
    });
    const context = new OfflineAudioContext(1, 48_000, 48_000);
    const sound = await context.decodeAudioData(await file.arrayBuffer());
    const samples = sound.getChannelData(0);
    const loud = [];
    for (let from = 0; from + 4800 <= samples.length; from += 4800) {
      const part = samples.subarray(from, from + 4800);
      const most = part.reduce((most, it) => Math.max(most, Math.abs(it)), 0);
      let turns = 0;
      for (let n = 1; n < part.length; n++) if (part[n - 1] < 0 !== part[n] < 0) turns += 1;
      loud.push({ most, hz: (turns / 2) * 10 });
    }
    return { type: file.type, seconds: sound.duration, loud };
  });

describe("a voice note", () => {
  test("is recorded, heard before it is sent, sent, and heard by others", () =>
    on(DESK, "granted", async (page) => {
      await begin(page, "0:02");
      assert.deepEqual(await serious(page), []);
      await done(page);
      await ready(page);
      await released(page);
      await hear(page, ".write li .voice");

      const { type, seconds, loud } = await heard(page);
      assert.match(type, /^audio\/(webm|ogg)/);
      assert.ok(seconds > 1.5 && seconds < 10, `${seconds} s`);
      const tones = loud.filter((it) => it.most > 0.2);
      const silence = loud.filter((it) => it.most < 0.02);
      assert.ok(tones.length > 3 && silence.length > 3, `the tone comes and goes: ${JSON.stringify(loud)}`);
      assert.ok(tones.some((it) => Math.abs(it.hz - TONE_HZ) < 30), `it is the tone that was played: ${JSON.stringify(tones)}`);
      const bars = await page.$$eval(".write li .voice rect", (all) => all.map((it) => Number(it.getAttribute("height"))));
      assert.ok(Math.max(...bars) > 3 * Math.min(...bars), `one sees where it was loud: ${bars}`);
      assert.match(await page.$eval(".write li .voice .num", (it) => it.textContent), /^0:0[2-9]$/);

      await page.focus(".write textarea");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => !document.querySelector(".write li"));
      await page.waitForSelector(".log .voice .btn.icon");
      await hear(page, ".log .voice");
    }));

  test("outlives a reload before it is sent", () =>
    on(DESK, "granted", async (page) => {
      await begin(page);
      await done(page);
      await ready(page);
      const look = () => page.$eval(".write li .voice", (it) => `${it.querySelectorAll("rect").length} ${it.querySelector(".num").textContent}`);
      const before = await look();
      await page.reload();
      await ready(page);
      assert.equal(await look(), before);
      await hear(page, ".write li .voice");
    }));

  test("that is too long ends by itself after a minute, with what was said", () =>
    on(DESK, "granted", async (page) => {
      await begin(page);
      // The page's clock leaps: a minute is over now.
      await page.evaluate(() => {
        const real = performance.now.bind(performance);
        performance.now = () => real() + 60_000;
      });
      await ready(page);
      await released(page);
      assert.equal(await page.$(".recorder"), null);
      assert.match(await page.$eval(".write li .voice .num", (it) => it.textContent), /^1:0\d$/);
      await hear(page, ".write li .voice");
    }));

  for (const [how, leave] of [["waved away", ".recorder .quiet"], ["put away", "[data-act=attach]"]]) {
    test(`${how} while it is recorded, it is nowhere, and the microphone is free`, () =>
      on(DESK, "granted", async (page) => {
        await begin(page);
        await page.click(leave);
        await released(page);
        assert.equal(await page.$(".recorder"), null);
        assert.equal(await page.$(".write li"), null);
      }));
  }
});

describe("without a microphone", () => {
  test("where it is denied, the page says what to do and keeps the draft", () =>
    on(PHONE, "denied", async (page) => {
      await page.type(".write textarea", "写到一半");
      await page.click("[data-act=voice]");
      await page.waitForFunction(() => /打不开麦克风/.test(document.querySelector(".notes").textContent));
      await page.waitForFunction(() => !document.querySelector(".recorder"));
      assert.equal(await page.$eval(".write textarea", (it) => it.value), "写到一半");
      await page.waitForSelector("[data-act=voice]");
      assert.deepEqual(await tooWide(page), { scroll: 0, over: [] });
    }));

  test("while the person is asked, there is nothing to be done with", () =>
    on(PHONE, "granted", async (page) => {
      await page.evaluate(() => (navigator.mediaDevices.getUserMedia = () => new Promise(() => {})));
      await page.click("[data-act=voice]");
      await page.waitForSelector(".recorder [data-act=recorded]");
      assert.equal(await page.$eval("[data-act=recorded]", (it) => it.disabled), true);
      await page.click(".recorder .quiet");
      await page.waitForSelector("[data-act=voice]");
    }));
});
