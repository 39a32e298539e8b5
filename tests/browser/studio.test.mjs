// Chromium publishes its camera from the studio; another Chromium watches it in the web app, measured as FFmpeg's is.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fiveJoins } from "./playback.mjs";
import { World } from "./world.mjs";

let world, slug;

before(async () => {
  world = await World.start();
  slug = await world.setUp();
});
after(() => world?.end());

test("a guest sees and hears the studio's broadcast, in full rate and in sync", { timeout: 300_000 }, async () => {
  const studio = await world.onAir(slug);
  const sent = () => studio.evaluate(framesSent);
  await studio.waitForFunction(flowing, { timeout: 20_000, polling: 200 });
  const before = await sent();
  await fiveJoins(world, slug, sent, "Chromium");
  const after = await sent();
  // The encoder sends what the camera gives; else the viewer's share would be measured against too little.
  const kept = (after.frames - before.frames) / (after.camera - before.camera);
  console.log(`Chromium: sent ${kept.toFixed(3)} of the camera's frames, in ${after.width} × ${after.height}`);
  assert.ok(kept >= 0.8, `sent ${kept} of the camera's frames`);
  assert.deepEqual(studio.problems, []);
});

/** In the studio's page: the first seconds' worth of pictures has gone out. */
async function flowing() {
  const peer = window.peers.filter((it) => it.connectionState === "connected").at(-1);
  const stats = [...((await peer?.getStats())?.values() ?? [])];
  return stats.some((it) => it.type === "outbound-rtp" && it.kind === "video" && it.framesSent > 50);
}

/** In the studio's page: how many pictures the camera gave and the encoder sent so far. */
async function framesSent() {
  const peer = window.peers.filter((it) => it.connectionState === "connected").at(-1);
  const stats = [...(await peer.getStats()).values()];
  const out = stats.find((it) => it.type === "outbound-rtp" && it.kind === "video");
  const camera = stats.find((it) => it.type === "media-source" && it.kind === "video").frames;
  return { frames: out.framesSent, at_ms: out.timestamp, camera, width: out.frameWidth, height: out.frameHeight };
}
