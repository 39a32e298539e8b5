// The journey of a host's first broadcast, over HTTPS with a certificate that the server ordered itself: the host in Firefox,
// a guest on a phone and a moderator in Chromium, FFmpeg on air in the room beside it, and a crowd. Each part is a step of
// the way; they build upon each other. It runs in `make soak`, in a network of its own (alone.sh).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Crowd } from "./crowd.mjs";
import { firefox } from "./firefox.mjs";
import { Line, throughRelay } from "./line.mjs";
import { NAME, SecureWorld } from "./secure.mjs";
import { button, countFrames, fill, password, statistics } from "./world.mjs";

/** The address of this machine that alone.sh made: what the server's answers name, for it listens everywhere. */
const OUTSIDE = "198.51.100.1";
/** The aims hold on a machine that does nothing else (docs/MEASURED.md); otherwise the bounds only tell a fault from noise. */
const { VIEWERS, INPUT_MS } = process.env.WEIQUAN_QUIET ? { VIEWERS: 2_000, INPUT_MS: 100 } : { VIEWERS: 500, INPUT_MS: 1_000 };
const WRITERS = 2, STORM_S = 10, WATCHERS = 20;
const CUT_MS = 15_000;

/** `lin` is the host's studio in Firefox, on a line that can be cut; `host` her page of the room. */
let world, chromium, line, lin, host, mo, phone, desk, slug, crowd, talking, stayed_ms, broadcast, summary;
/** Two members on sockets of their own, from before the first word to the last. */
let chen, su;
/** Messages that the server has acknowledged. */
let accepted = 0;
const click = (page, selector) => page.waitForSelector(selector, { timeout: 20_000 }).then((it) => it.evaluate((it) => it.click()));
const says = (page, words, ms = 10_000) =>
  page.waitForFunction((it) => document.body.innerText.includes(it), { timeout: ms, polling: 100 }, words);
const saysNot = (page, words, ms = 10_000) =>
  page.waitForFunction((it) => !document.body.innerText.includes(it), { timeout: ms, polling: 100 }, words);
/** The moment in the form of a date field, so many minutes from now. */
const inMinutes = (n) => {
  const at = new Date(Date.now() + n * 60_000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};
/** How many people the page says are here. */
const here = (page) => page.$eval(".chat .here", (it) => Number(it.textContent.replace(/\D/g, "")));
const countIs = (page, n, ms = 20_000) =>
  page.waitForFunction((n) => Number(document.querySelector(".chat .here")?.textContent.replace(/\D/g, "")) === n, { timeout: ms, polling: 100 }, n);
/** More pictures from now on. */
async function goesOn(page, ms = 30_000) {
  await page.evaluate(() => (window.frames_seen.mark = window.frames_seen.count));
  const more = () => window.frames_seen.count > window.frames_seen.mark + 20;
  await page.waitForFunction(more, { timeout: ms, polling: 100 }).catch(async (error) => {
    const seen = { ...(await page.evaluate(statistics)), ...(await page.evaluate(() => ({ words: document.body.innerText, counted: window.frames_seen }))) };
    throw new Error(`no picture: ${JSON.stringify(seen)}`, { cause: error });
  });
}
const broadcastNow = async () => (await world.get(`/api/v1/rooms/${slug}`, world.owner)).broadcast;

/** Says something as a person does, and waits until the server has it. */
async function say(page, words) {
  await (await page.waitForSelector(".chat textarea")).type(words);
  await page.keyboard.press("Enter");
  await chen.hears(words);
  accepted += 1;
}

const inChinese = (browser) => world.page(browser, { language: "zh-CN" });

/** `base`: where this browser reaches the server. */
async function signedIn(page, name, base = world.base) {
  await page.goto(`${base}/sign-in`);
  await fill(page, 'input[autocomplete="username"]', name);
  await fill(page, 'input[type="password"]', password);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => !location.pathname.startsWith("/sign-in"));
  return page;
}

/** A step of the way: where one failed, those after it would tell nothing. */
let failed = false;
const step = (name, ms, walk) => test(name, { timeout: ms }, async (t) => {
  if (failed) return t.skip("a step before it failed");
  failed = true;
  await walk();
  failed = false;
  await picture(name.split(":")[0]);
});

/** `WEIQUAN_PICTURES` names a folder: what everybody sees after each step, to be looked at. */
async function picture(step) {
  const folder = process.env.WEIQUAN_PICTURES;
  for (const [who, page] of Object.entries(folder ? { lin, host, mo, phone, desk } : {}))
    if (page) await page.screenshot({ path: `${folder}/${step.padStart(2, "0")}-${who}.png` }).catch((error) => console.log(`no picture of ${who}: ${error}`));
}

before(async () => {
  world = await SecureWorld.start({ listen: "0.0.0.0" });
  await world.post("/api/v1/set-up", { code: world.code, name: "周舟", password, circle: "读书会" }).then((it) => (world.owner = it.token));
  for (const name of ["林小满", "莫言"]) await world.post("/api/v1/accounts", { name, password });
  const { members } = await world.get("/api/v1/members", world.owner);
  const { id } = members.find((it) => it.name === "莫言");
  await world.put(`/api/v1/members/${id}/role`, { role: "moderator" }, world.owner);
  await world.post("/api/v1/rooms", { title: "电影", guests: true, slug: "film" }, world.owner);
  crowd = await Crowd.of(world, VIEWERS + WRITERS);
  line = await Line.open(world.ports[0], world.ports[2], OUTSIDE);
  chromium = await world.browser();
});
after(async () => {
  line?.close();
  await world?.end();
});

step("1–3: the host plans her broadcast, and open pages show it within a second", 120_000, async () => {
  lin = await inChinese(await firefox(world, { name: NAME }));
  await lin.evaluateOnNewDocument(throughRelay, world.ports[2], line.udp);
  await signedIn(lin, "林小满", `https://${NAME}:${line.tcp}`);
  mo = await signedIn(await inChinese(await world.browser()), "莫言");
  await says(mo, "现在没有人在直播");
  await click(lin, button("开直播"));
  await lin.waitForSelector("dialog[open] form");
  await lin.keyboard.type("春天的散步");
  await lin.$$eval("dialog[open] input[type=radio]", (all) => all[1].click());
  const field = "dialog[open] [data-field=when]";
  await lin.waitForSelector(field);
  await lin.$eval(field, (it, value) => ((it.value = value), it.dispatchEvent(new Event("input", { bubbles: true }))), inMinutes(20));
  await click(lin, "dialog[open] .main");
  // Not the room alone, which has the same name and is there a moment sooner: with when it begins.
  const announced = () => [...document.querySelectorAll('a[href^="/r/"]')].some((it) => /春天的散步[^]*还有 \d+ 分钟/.test(it.innerText));
  await mo.waitForFunction(announced, { timeout: 2_000, polling: 50 });
  await lin.waitForFunction(announced, { timeout: 10_000, polling: 50 });
  slug = (await world.get("/api/v1/rooms", world.owner)).rooms.find((it) => it.broadcast?.title === "春天的散步").slug;
});

step("7: the room opens before it begins, and early viewers talk", 60_000, async () => {
  await lin.goto(`https://${NAME}:${line.tcp}/r/${slug}/studio`);
  await click(lin, '[data-act="open"]');
  await says(lin, "房间已开放");
  for (const name of ["陈默", "苏晴"]) {
    const { token } = await world.post("/api/v1/accounts", { name, password });
    const member = await world.writer(slug, token);
    name === "陈默" ? (chen = member) : (su = member);
  }
  phone = await world.page(chromium, { width: 390, height: 844, language: "zh-CN" });
  await phone.evaluateOnNewDocument(countFrames);
  await phone.goto(`${world.base}/r/${slug}`);
  await phone.waitForFunction(() => Number(document.querySelector(".chat .here")?.textContent) > 0, { timeout: 20_000, polling: 100 });
  await say(phone, "来早了，先占个座");
  await mo.evaluateOnNewDocument(countFrames);
  await mo.goto(`${world.base}/r/${slug}`);
  await says(mo, "来早了，先占个座");
  await countIs(lin, 5);
});

step(`8: ${VIEWERS} viewers join in ${STORM_S} s; the host's page keeps answering, and the count rises once a second`, 240_000, async () => {
  await lin.evaluate(watchTheStorm);
  talking = crowd.talk(slug, { viewers: VIEWERS, writers: WRITERS, rate: 2, joinRate: VIEWERS / STORM_S, seconds: 40 });
  talking.catch(() => {}); // it is awaited where it ends
  await Promise.race([countIs(lin, 5 + VIEWERS + WRITERS, 180_000), talking.then(() => assert.fail("the crowd left too early"))]);
  const { waits, rises, took_ms } = await lin.evaluate(() => window.storm.told());
  console.log(`the crowd is in after ${took_ms} ms; the count rose ${rises} times; a key would have waited for ${waits} ms at most`);
  assert.ok(rises >= 3 && rises <= took_ms / 1_000 + 1, `${rises} rises within ${took_ms} ms`);
  assert.ok(waits <= INPUT_MS, `the page did not answer for ${waits} ms`);
  await say(lin, "这么多人！");
});

step("9: she goes live in Firefox, seen on a phone and by programs; FFmpeg is on air beside it", 180_000, async () => {
  await click(lin, button("摄像头"));
  await click(lin, '[data-act="start"]:not([disabled])');
  await phone.waitForFunction(() => window.frames_seen?.count > 20, { timeout: 30_000, polling: 100 });
  broadcast = await broadcastNow();
  assert.equal(broadcast.phase, "live");
  assert.equal((await phone.evaluate(statistics)).transport.srtpCipher, "SRTP_AEAD_AES_128_GCM");
  await goesOn(mo);
  const { key } = await world.post("/api/v1/rooms/film/stream-keys", { label: "film" }, world.owner);
  await world.ffmpeg(key);
  desk = await inChinese(await world.browser());
  await desk.evaluateOnNewDocument(countFrames);
  await desk.goto(`${world.base}/r/film`);
  await desk.waitForFunction(() => window.frames_seen?.count > 20, { timeout: 30_000, polling: 100 });
  await goesOn(phone);
  const report = await talking;
  stayed_ms = Date.now() - broadcast.live_ms;
  console.log(`the crowd: ${JSON.stringify({ said: report.acked, delivered: report.delivered, delay_ms: report.delay_ms })}`);
  accepted += report.acked;
  await countIs(lin, 5, 60_000);
  // The generator's viewers offer H264, which the film has.
  const seen = await crowd.watch("film", { viewers: WATCHERS, seconds: 5 });
  console.log(`${WATCHERS} viewers of the film: first packet after ${JSON.stringify(seen.first_packet_ms)}`);
  assert.deepEqual([seen.failed, seen.silent, seen.missing, seen.forged], [[], 0, 0, 0]);
});

step("11: slow mode comes by itself, with its seconds for all, and goes after calm", 180_000, async () => {
  await click(lin, '[data-act="settings"]');
  await click(lin, '::-p-xpath(//dialog[@open]//label[contains(., "每秒 5 条")]/input)');
  await lin.keyboard.press("Escape");
  // Eight messages a second, until it is there: within what each of the two may say.
  let n = 0;
  const speaking = setInterval(() => [chen, su][++n % 2].say(`第${n}句。`), 125);
  /** Above where one writes, for as long as it is. */
  const banner = (page, shown, ms) => page.waitForFunction((shown) => {
    const lines = [...document.querySelectorAll('.chat [role="status"]')];
    return lines.some((it) => it.textContent === "慢速模式：每 2 秒一条") === shown;
  }, { timeout: ms, polling: 100 }, shown);
  await Promise.all([phone, lin, mo].map((page) => banner(page, true, 30_000))).finally(() => clearInterval(speaking));
  await says(phone, "打开慢速模式：每 2 秒一条");
  for (const it of [chen, su]) accepted += await it.settled();
  assert.ok([...chen.refused, ...su.refused].every((it) => it.code === "slow_mode"), JSON.stringify([chen.refused, su.refused]));
  const since = performance.now();
  await Promise.all([phone, lin, mo].map((page) => banner(page, false, 90_000)));
  await says(phone, "关闭了慢速模式");
  const calm_s = (performance.now() - since) / 1_000;
  console.log(`slow mode went after ${calm_s.toFixed(0)} s of calm`);
  assert.ok(calm_s >= 20, "it waits for calm");
});

step("13: the host's network is cut for 15 s: the room stays, and she comes back with no viewer lost", 180_000, async () => {
  const peers = () => Promise.all([phone, mo, desk].map((it) => it.evaluate(() => window.peers.length)));
  const before = { peers: await peers(), count: await here(mo) };
  // A crowd sits through it; a line that breaks is a failure of theirs.
  const sitting = crowd.talk(slug, { viewers: 100, writers: 1, rate: 1, joinRate: 100, seconds: 45 });
  sitting.catch(() => {});
  await countIs(mo, before.count + 101, 30_000);
  await line.cut();
  const over = pause(CUT_MS);
  for (const page of [phone, mo]) await says(page, "主持人重连中", CUT_MS);
  await says(lin, "重连中", CUT_MS);
  assert.deepEqual(await broadcastNow(), broadcast, "the room stays");
  await say(mo, "稍等，主持人马上回来");
  await goesOn(desk);
  await over;
  await line.heal();
  for (const page of [phone, mo]) await goesOn(page, 60_000);
  for (const page of [phone, mo]) await saysNot(page, "主持人重连中");
  await lin.waitForSelector('[data-act="end"]');
  await saysNot(lin, "重连中");
  assert.deepEqual(await broadcastNow(), broadcast, "it is the same broadcast, with the same host");
  await countIs(mo, before.count + 101);
  assert.deepEqual(await peers(), before.peers, "no viewer had to connect again");
  accepted += (await sitting).acked;
});

step("14: she picks a question, everybody sees it, and she answers it", 60_000, async () => {
  await (await phone.waitForSelector("textarea")).type("花期到什么时候？");
  await click(phone, ".asks");
  await click(phone, "button[aria-label='发送']");
  await chen.hears("花期到什么时候？");
  accepted += 1;
  host = await signedIn(await inChinese(await world.browser()), "林小满");
  await host.goto(`${world.base}/r/${slug}`);
  await click(host, '[data-act="questions"]');
  await click(host, 'dialog[open] [data-act="pick"]');
  await mo.waitForFunction(() => document.querySelector(".apart.picked")?.textContent.includes("花期到什么时候？"), { timeout: 10_000, polling: 100 });
  await click(host, 'dialog[open] [data-act="answer"]');
  await mo.waitForFunction(() => !document.querySelector(".apart.picked"), { timeout: 10_000, polling: 100 });
  await host.keyboard.press("Escape");
});

step("15: a poll of three options; its totals are the people who voted", 60_000, async () => {
  await click(host, '[data-act="poll"]');
  await fill(host, '[data-poll="question"]', "下次去哪里？");
  await click(host, button("添加选项"));
  const options = await host.$$('[data-poll="option"]');
  for (const [at, words] of ["植物园", "河边", "山上"].entries()) await options[at].type(words);
  await click(host, '[data-act="start-poll"]:not([disabled])');
  // It is asked, so the sheet goes; opened again it shows how the poll stands.
  await host.waitForFunction(() => !document.querySelector("dialog[open]"));
  await click(host, '[data-act="poll"]');
  const option = (n) => `.open .poll .option:nth-child(${n}):not([disabled])`;
  for (const page of [phone, mo]) {
    await says(page, "下次去哪里？");
    await click(page, '[data-act="poll-bar"]');
  }
  const stands = (...n) => host.waitForFunction((wanted) => {
    const poll = document.querySelector("dialog[open] .poll");
    const shown = [...(poll?.querySelectorAll(".option .num") ?? [])].map((it) => it.textContent.split("·").at(-1).trim());
    return poll?.querySelector(".foot").textContent.includes(`${wanted.voters} 人已投`) && shown.join() === wanted.n.join();
  }, { timeout: 10_000, polling: 100 }, { voters: n.reduce((sum, it) => sum + it), n: n.map(String) });
  await click(phone, option(1));
  await stands(1, 0, 0);
  await click(mo, option(3));
  await stands(1, 0, 1);
  // Another mind is not another voter.
  await click(phone, option(2));
  await stands(0, 1, 1);
  await click(host, '[data-act="close-poll"]');
  for (const page of [phone, mo]) await says(page, "投票结束，共 2 人参与");
  await host.keyboard.press("Escape");
});

step("16: the moderator holds an advertisement: gone for all within a second", 60_000, async () => {
  await say(phone, "加我微信领红包");
  await says(mo, "加我微信领红包");
  await says(host, "加我微信领红包");
  // By its row: who is typing shows between the talk and where one writes, and moves what one would point at.
  await click(mo, '::-p-xpath(//button[contains(@class, "act")][contains(parent::*, "加我微信领红包")])');
  await click(mo, '[data-act="hold"]');
  await saysNot(host, "加我微信领红包", 1_500);
  await says(phone, "管理人员收起了你的这条消息");
  const { acts } = await world.get("/api/v1/audit?n=20", world.owner);
  assert.ok(acts.some((it) => it.what === "hold"), JSON.stringify(acts));
});

step("18: she ends it: the media stops within two seconds, and it is told what it was", 90_000, async () => {
  await click(lin, '[data-act="end"]');
  await click(lin, "dialog[open] .btn.main");
  const stopped = () => window.peers.every((it) => it.connectionState === "closed") && document.body.innerText.includes("直播结束了");
  await Promise.all([phone, mo].map((page) => page.waitForFunction(stopped, { timeout: 2_000, polling: 50 })));
  await says(lin, "播得很好");
  summary = await world.get(`/api/v1/rooms/${slug}/broadcasts/${broadcast.id}/summary`, world.owner);
  console.log(JSON.stringify(summary));
  // The phone, the moderator, the two members and the crowd; the host is none of them.
  const people = VIEWERS + WRITERS + 4;
  assert.deepEqual([summary.peak, summary.people], [people, people]);
  // Who has left counts as here for ten seconds more; the few who stayed, and a part of the crowd later, add little.
  assert.ok(summary.average_ms > stayed_ms * 0.9 && summary.average_ms < stayed_ms + 25_000, `the crowd stayed for ${stayed_ms} ms`);
  assert.equal(summary.average_ms, Math.floor(summary.host.watched_ms / people));
  // Nobody talked faster than one can read: what was accepted was delivered, to the last word.
  const heard = (it) => it.heard.filter((it) => it.k === "msg").length;
  assert.deepEqual([summary.messages, heard(chen), heard(su)], [accepted, accepted, accepted]);
  const card = await lin.$$eval(".summary dd", (all) => all.map((it) => it.textContent.replace(/\D/g, "")));
  assert.deepEqual(card.slice(1), [summary.peak, summary.messages, 0].map(String), "the host's page says the same");
  await mo.goto(`${world.base}/r/${slug}/b/${broadcast.id}`);
  const facts = await mo.waitForSelector("dl").then((it) => it.$$eval("div", (all) => all.map((it) => it.querySelector("dd").textContent.replace(/\D/g, ""))));
  const told = [summary.people, summary.peak, (summary.average_ms / 60_000).toFixed(1).replace(".", ""), summary.messages, summary.host.talkers];
  assert.deepEqual(facts.slice(1), told.map(String));
  assert.deepEqual(await mo.$$eval("article blockquote p", (all) => all.map((it) => it.innerText)), ["花期到什么时候？"], "the question that was answered");
});

step("19: the draft of a recap is there, with the question, the poll and their times; she posts it", 90_000, async () => {
  await phone.goto(`${world.base}/talk`);
  await says(phone, "还没有话题");
  await lin.goto(`${world.base}/r/${slug}/b/${broadcast.id}`);
  await click(lin, '[data-act="write-recap"]');
  const text = await lin.waitForSelector("textarea[name=text]").then((it) => it.evaluate((it) => it.value));
  assert.match(text, /\d+:\d\d.* 提问：花期到什么时候/);
  assert.match(text, /\d+:\d\d.* 投票：/);
  assert.match(text, /2 人投票/);
  await lin.waitForSelector("[data-quote]");
  const title = await lin.waitForSelector("input[name=title]");
  assert.match(await title.evaluate((it) => it.value), /^直播回顾：/);
  await lin.focus("textarea[name=text]");
  await lin.$eval("textarea[name=text]", (it) => it.setSelectionRange(it.value.length, it.value.length));
  await lin.keyboard.type("\n\n谢谢大家。");
  await click(lin, "form .main");
  await lin.waitForFunction(() => location.pathname.startsWith("/t/") && document.body.innerText.includes("谢谢大家。"), { timeout: 20_000, polling: 100 });
});

step("20: the recap appears in the open list of topics, and replies in it while it is read", 60_000, async () => {
  await says(phone, "直播回顾：");
  await click(phone, "[data-topic]");
  await says(phone, "谢谢大家。");
  await mo.goto(`${world.base}${await lin.evaluate(() => location.pathname)}`);
  await mo.waitForSelector(".box textarea");
  for (const words of ["花真好看", "下周还来", "辛苦了"]) {
    await mo.type(".box textarea", words);
    await click(mo, ".box .main");
    await Promise.all([lin, phone].map((it) => says(it, words, 5_000)));
  }
  summary = await world.get(`/api/v1/rooms/${slug}/broadcasts/${broadcast.id}/summary`, world.owner);
  assert.match(summary.recap.title, /^直播回顾：/);
  // Firefox calls each connection that is lost an error of the page.
  await lin.goto(`${world.base}/r/${slug}/b/${broadcast.id}`);
  await lin.waitForSelector('[data-act="recap"]');
});

step("21: a kill takes nothing of it", 90_000, async () => {
  const log = async () => (await world.history(slug)).map(({ s, k, b }) => ({ s, k, b }));
  const before = await log();
  // It comes in the middle of what somebody says.
  for (let n = 1; n <= 10; n++) chen.say(`散场${n}`);
  await chen.when(() => chen.acknowledged.includes("散场1"));
  await world.kill();
  const kept = chen.acknowledged.filter((it) => it.startsWith("散场"));
  await world.boot();
  const now = await log();
  assert.deepEqual(now.slice(0, before.length), before);
  const after = now.slice(before.length).map((it) => it.b.text);
  assert.ok(kept.length > 0 && kept.every((it) => after.includes(it)) && new Set(after).size === after.length, `${kept} of ${after}`);
  assert.equal(before.filter((it) => it.k === "msg" && it.b.text !== "").length, accepted - 1, "each line that was acknowledged, and not the held one");
  assert.deepEqual(await world.get(`/api/v1/rooms/${slug}/broadcasts/${broadcast.id}/summary`, world.owner), summary);
  assert.equal((await broadcastNow()).phase, "ended");
  const { ended } = await world.get("/api/v1/lately", world.owner);
  assert.deepEqual(ended.map((it) => it.broadcast.id), [broadcast.id]);
  const { s } = before.find((it) => it.k === "poll");
  const poll = await world.get(`/api/v1/rooms/${slug}/polls/${s}`, world.owner);
  assert.deepEqual([poll.open, poll.voters, poll.options.map((it) => it.votes)], [false, 2, [0, 1, 1]]);
  for (const it of [lin, mo, phone, host, desk]) assert.deepEqual(it.problems, []);
});

/** In the host's page, over the storm: how long it was busy at the longest, and how often the count rose. */
function watchTheStorm() {
  const count = () => Number(document.querySelector(".chat .here").textContent.replace(/\D/g, ""));
  const since = performance.now();
  let last = since, waits = 0, n = count(), rises = 0, until = since;
  // A key that is pressed meanwhile waits for as long as one of these does.
  const beat = () => {
    const now = performance.now();
    waits = Math.max(waits, now - last);
    last = now;
    setTimeout(beat);
  };
  beat();
  new MutationObserver(() => {
    const now = count();
    if (now > n) (rises += 1), (until = performance.now());
    n = now;
  }).observe(document.querySelector(".chat .here"), { subtree: true, childList: true, characterData: true });
  window.storm = { told: () => ({ waits: Math.round(waits), rises, took_ms: Math.round(until - since) }) };
}
