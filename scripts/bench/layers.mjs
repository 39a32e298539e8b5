// A picture in three sizes on a line that narrows and widens, and a picture where no UDP gets through: real browsers that
// publish and watch by WHIP and WHEP.
import { loadtest, weiquan } from "./rig.mjs";

/** What the app sends of a camera (`clients/js/src/media/layers.ts`), and a line that does not carry the largest of them. */
const RATES = [200, 625, 2_500];
const [NARROW, QUEUE] = ["1mbit", "64kib"];
const CODEC = "VP8";
/** It stays narrow so long that a larger size was tried in vain. */
const NARROW_MS = 12_000;
const JOINS = 5;

async function scene(run) {
  Object.assign(process.env, { WEIQUAN_BIN: weiquan, WEIQUAN_LOADTEST: loadtest });
  const { World, until } = await import("../../tests/browser/world.mjs");
  const { Line, throughRelay } = await import("../../tests/browser/line.mjs");
  const { publish, sent, shown, watch } = await import("../../tests/browser/layered.mjs");
  const world = await World.start();
  const line = await Line.open(world.ports[0], world.ports[3]);
  try {
    const slug = await world.setUp();
    const studio = await world.browser({ camera: true });
    const host = await world.page(studio);
    await host.goto(`${world.base}/api/v1/check`);
    await host.evaluate(publish, "/whip", await world.streamKey(slug), CODEC, RATES, true);
    await until("three sizes", async () => Object.values(await host.evaluate(sent)).filter((it) => it.frames > 20).length === 3, 40_000);
    const viewers = await world.browser();
    await run({ world, line, slug, viewers, until, throughRelay, shown, watch });
  } finally {
    line.close();
    await world.end();
  }
}

/** How soon a viewer has the smaller size on a line that narrowed, and the largest on one that widened. */
export async function layers({ rounds, tell }) {
  console.error(`media.layer_down_s and media.layer_up_s: a line of ${NARROW}`);
  const [down, up, failed] = [[], [], []];
  await scene(async ({ world, line, slug, viewers, until, throughRelay, shown, watch }) => {
    for (let round = 0; round < rounds; round++) {
      const page = await world.page(viewers);
      await page.evaluateOnNewDocument(throughRelay, world.ports[3], line.udp);
      await page.goto(`${world.base}/api/v1/check`);
      await page.evaluate(watch, `/api/v1/rooms/${slug}/whep`);
      const height = async () => (await page.evaluate(shown)).height;
      await until("the largest size", async () => (await height()) === 720, 40_000);
      await line.set({ down: { rate: NARROW, queue: QUEUE } });
      down.push((await until("a smaller size", async () => (await height()) < 720, 40_000)) / 1_000);
      // How often it is shown more than the line carries until it widens.
      let shownMore = 0;
      for (const end = performance.now() + NARROW_MS; performance.now() < end; ) {
        if ((await height()) === 720) shownMore++;
        await new Promise((done) => setTimeout(done, 100));
      }
      failed.push(shownMore / 10);
      await line.set({ down: { rate: "none" } });
      up.push((await until("the largest size again", async () => (await height()) === 720, 60_000)) / 1_000);
      console.error(`  round ${round + 1}: down after ${down.at(-1).toFixed(1)} s, ${failed.at(-1)} s too large while it was narrow, up after ${up.at(-1).toFixed(1)} s`);
      await page.close();
    }
  });
  const line = `Chromium publishes ${RATES.join(", ")} kbit/s of ${CODEC} and watches by WHEP; weiquan-loadtest impair --udp --down rate=${NARROW},queue=${QUEUE}`;
  const command = `make bench ONLY=media:layers (${line}; until the decoder has a picture of another size)`;
  tell("media.layer_down_s", down, command, { too_large_s: failed });
  tell("media.layer_up_s", up, command);
}

/** In the page: the way by UDP leads nowhere, as behind a firewall that drops it. */
function withoutUdp(from, to) {
  const original = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const lines = description.sdp.split("\r\n").map((it) => (/^a=candidate:\S+ \d udp /i.test(it) ? it.replace(` ${from} typ`, ` ${to} typ`) : it));
    return original.call(this, { type: description.type, sdp: lines.join("\r\n") });
  };
}

/** How soon the first picture is shown where no UDP gets through. */
export async function tcp({ tell }) {
  console.error(`media.tcp_first_frame_ms: ${JOINS} joins`);
  const took = [];
  await scene(async ({ world, line, slug, viewers, until, watch }) => {
    await line.cut();
    for (let n = 0; n < JOINS; n++) {
      const page = await world.page(viewers);
      await page.evaluateOnNewDocument(withoutUdp, world.ports[3], line.udp);
      await page.goto(`${world.base}/api/v1/check`);
      const began = await page.evaluate(() => performance.now());
      await page.evaluate(watch, `/api/v1/rooms/${slug}/whep`);
      await until("a picture", () => page.evaluate(() => window.watching.first !== undefined), 40_000);
      took.push((await page.evaluate(() => window.watching.first)) - began);
      const by = await page.evaluate(async () => {
        const stats = await window.watching.pc.getStats();
        const { selectedCandidatePairId } = [...stats.values()].find((it) => it.type === "transport");
        return stats.get(stats.get(selectedCandidatePairId).remoteCandidateId).protocol;
      });
      if (by !== "tcp") throw new Error(`it came by ${by}`);
      await page.close();
    }
  });
  console.error(`  first frames after ${took.map(Math.round).join(", ")} ms`);
  tell("media.tcp_first_frame_ms", took,
    `make bench ONLY=media:tcp (Chromium publishes three sizes of ${CODEC} and watches by WHEP; datagrams to the server are lost; from the offer to the first picture shown, ${JOINS} joins)`);
}
