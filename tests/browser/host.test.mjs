// The journey of a host and her people, all in the web app: the printed link, the circle, going live from the
// browser, a member and a guest in two other browsers, and the end.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World, button, countFrames, fill, password, statistics } from "./world.mjs";

let world;
before(async () => {
  world = await World.start();
});
after(() => world?.end());

test("owner by the link, live from the browser, a member and a guest watch and talk", { timeout: 240_000 }, async () => {
  // The owner.
  const browser = await world.browser({ camera: true });
  const host = await world.page(browser);
  await host.goto(`${world.base}/set-up#${world.code}`);
  await fill(host, 'input[autocomplete="username"]', "林小满");
  await fill(host, 'input[type="password"]', password);
  await host.keyboard.press("Enter");
  await fill(host, 'input[autocomplete="organization"]', "读书会");
  assert.ok(!host.url().includes(world.code), "the code is out of the address bar");
  await host.keyboard.press("Enter");
  await (await host.waitForSelector(button("Go live"))).click();
  await host.waitForSelector("dialog[open] form");
  await host.keyboard.type("共读第三夜");
  await host.keyboard.press("Enter");
  await host.waitForFunction(() => location.pathname.endsWith("/studio"));
  const slug = await host.evaluate(() => location.pathname.split("/")[2]);

  // Live with the camera.
  await (await host.waitForSelector(button("Camera"))).click();
  const start = await host.waitForSelector('[data-act="start"]:not([disabled])');
  await start.click();
  await host.waitForSelector('[data-act="end"]', { timeout: 20_000 });

  // A guest.
  const guest = await world.page(await world.browser());
  await guest.evaluateOnNewDocument(countFrames);
  await guest.goto(`${world.base}/r/${slug}`);
  await guest.waitForFunction(() => window.frames_seen?.count > 20, { timeout: 30_000 });
  const seen = await guest.evaluate(statistics);
  assert.equal(seen.transport.srtpCipher, "SRTP_AEAD_AES_128_GCM");
  await (await guest.$("::-p-text(Tap to listen)"))?.click();
  await guest.waitForFunction(async () => {
    const peer = window.peers.filter((it) => it.connectionState === "connected").at(-1);
    const audio = [...(await peer.getStats()).values()].find((it) => it.type === "inbound-rtp" && it.kind === "audio");
    return audio?.totalAudioEnergy > 0;
  }, { timeout: 20_000, polling: 200 });

  // A member.
  const member = await world.page(await world.browser());
  await member.goto(`${world.base}/sign-up`);
  await fill(member, 'input[autocomplete="username"]', "陈默");
  await fill(member, 'input[type="password"]', password);
  await member.keyboard.press("Enter");
  await member.waitForFunction(() => !location.pathname.startsWith("/sign-up"));
  await member.goto(`${world.base}/r/${slug}`);
  const box = await member.waitForSelector("textarea");
  await box.type("格兰诺维特那篇论文可以发一下吗");
  await member.keyboard.press("Enter");
  for (const page of [host, guest, member]) {
    await page.waitForFunction(() => document.body.innerText.includes("格兰诺维特那篇论文可以发一下吗"), { timeout: 15_000 });
  }

  // The end.
  await (await host.$('[data-act="end"]')).click();
  await (await host.waitForSelector("dialog[open] .btn.main")).click();
  await guest.waitForFunction(() => !document.querySelector("video")?.srcObject?.active || /ended/i.test(document.body.innerText), { timeout: 20_000 });
  for (const page of [host, guest, member]) assert.deepEqual(page.problems, []);
});
