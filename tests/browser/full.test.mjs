// More people than places to watch: who comes too late is told which place in the line is theirs, has the chat meanwhile,
// and watches by itself when it is their turn. Nobody stands before a black picture.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { countFrames, World } from "./world.mjs";
import { join } from "./playback.mjs";

let world, slug;

before(async () => {
  world = await World.start({ more: ["rtc.viewers=1"] });
  slug = await world.setUp();
  await world.ffmpeg(await world.streamKey(slug));
});
after(() => world?.end());

const says = (page, words) => page.waitForFunction((words) => document.querySelector(".stage [role=status]")?.textContent.includes(words), { timeout: 20_000 }, words);
const plays = (page) => page.waitForFunction(() => window.frames_seen?.first != null, { timeout: 40_000 });

test("the second and the third wait in the order in which they came", { timeout: 180_000 }, async () => {
  const browser = await world.browser();
  const comes = async () => {
    const page = await world.page(browser);
    await page.evaluateOnNewDocument(countFrames);
    await page.goto(`${world.base}/r/${slug}`);
    return page;
  };
  const first = await join(world, browser, slug);
  const second = await comes();
  await says(second, "you are next in line");
  const third = await comes();
  await says(third, "you are number 2 in line");

  // The room is theirs all the same.
  const words = await third.waitForSelector(".chat textarea");
  await words.type("坐满了，先聊");
  await third.keyboard.press("Enter");
  await second.waitForFunction(() => document.querySelector(".chat").textContent.includes("坐满了，先聊"), { timeout: 10_000 });
  // Asking again is not seen: the words stay as they are.
  const steady = await third.evaluate(async () => {
    const stage = document.querySelector(".stage");
    const said = new Set();
    const seen = new MutationObserver(() => said.add(stage.querySelector("[role=status] b")?.textContent));
    seen.observe(stage, { subtree: true, childList: true, characterData: true });
    const peers = () => window.peers.length;
    const before = peers();
    while (peers() < before + 2) await new Promise((done) => requestAnimationFrame(done));
    seen.disconnect();
    return [...said];
  });
  assert.deepEqual(steady.filter((it) => !it?.includes("number 2")), []);

  await first.close();
  await plays(second);
  await says(third, "you are next in line");
  await second.close();
  await plays(third);
  assert.deepEqual([...second.problems, ...third.problems], []);
});
