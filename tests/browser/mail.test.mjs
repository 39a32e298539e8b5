// Letters, as a member has them: the address given on a page, the letter taken by a real mail server, its link opened in
// the browser, a notice that comes as a letter to who is not there, its one click, and the way back without a password.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import readline from "node:readline";
import { after, before, test } from "node:test";
import { World, fill, password, python, root } from "./world.mjs";

/** A mail server whose letters are waited for one by one. */
class Sink {
  static async start() {
    const sink = new this();
    sink.child = spawn(python, [path.join(root, "tests/tools/smtp_sink.py")], { stdio: ["ignore", "pipe", "inherit"] });
    sink.lines = readline.createInterface({ input: sink.child.stdout })[Symbol.asyncIterator]();
    sink.port = (await sink.letter()).port;
    return sink;
  }
  async letter() {
    return JSON.parse((await this.lines.next()).value);
  }
}
const linkIn = (letter, path) => letter.text.match(new RegExp(`https?://\\S+${path}\\S*`))[0];
const says = (page, words) => page.waitForFunction((it) => document.body.innerText.includes(it), { timeout: 20_000, polling: 100 }, words);

let sink, world, ann, id;

before(async () => {
  sink = await Sink.start();
  world = await World.start({ more: [`mail.server=127.0.0.1:${sink.port}`, "mail.tls=off", "mail.from=读书会 <live@circle.example>", "mail.after_minutes=0"] });
  await world.setUp("hall", "夜读");
  id = (await world.post("/api/v1/accounts", { name: "小北", password })).me.id;
  ann = await world.page(await world.browser(), { language: "zh-CN", width: 390, height: 844 });
  await ann.goto(`${world.base}/sign-in?then=/notices`);
  await fill(ann, 'input[autocomplete="username"]', "小北");
  await fill(ann, 'input[type="password"]', password);
  await ann.keyboard.press("Enter");
});
after(async () => {
  await world?.end();
  sink?.child.kill();
});

test("the address on the page, its letter, its link", { timeout: 60_000 }, async () => {
  await fill(ann, 'input[type="email"]', "xiaobei@example.org");
  await ann.click("[data-act=mail-ask]");
  await says(ann, "邮件正寄往 xiaobei@example.org");
  const letter = await sink.letter();
  assert.deepEqual(letter.to, ["xiaobei@example.org"]);
  assert.equal(letter.subject, "请确认这是你的邮箱 — 读书会");
  // In whatever browser the mail is read.
  const elsewhere = await world.page(await world.browser(), { language: "zh-CN" });
  await elsewhere.goto(linkIn(letter, "/mail/confirm#"));
  await says(elsewhere, "以后的邮件会寄到 xiaobei@example.org");
  await ann.reload();
  await says(ann, "邮件寄到 xiaobei@example.org");
  await ann.waitForSelector("[data-mail=mention]");
});

test("what is said to who is away comes as a letter, and one click ends that", { timeout: 60_000 }, async () => {
  await ann.goto("about:blank");
  const writer = await world.writer("hall");
  writer.say("@小北 第三章谁来讲？", [id]);
  const letter = await sink.letter();
  assert.equal(letter.subject, "林小满 提到了你 — 夜读");
  assert.match(letter.text, /@小北 第三章谁来讲？/);
  await ann.goto(linkIn(letter, "/r/hall\\?s="));
  await says(ann, "第三章谁来讲？");
  await ann.goto(linkIn(letter, "/mail/stop\\?"));
  await ann.waitForSelector("[data-act=mail-stop]").then((it) => it.click());
  await says(ann, "不会再寄邮件了");
  await ann.goto(`${world.base}/notices`);
  await ann.waitForSelector("[data-mail=mention]");
  assert.deepEqual(await ann.$$eval("[data-mail]", (all) => all.filter((it) => it.checked).length), 0);
});

test("a forgotten password is set anew by the letter's link", { timeout: 60_000 }, async () => {
  const page = await world.page(await world.browser(), { language: "zh-CN", width: 390, height: 844 });
  await page.goto(`${world.base}/sign-in`);
  await page.waitForSelector(".forgot").then((it) => it.click());
  await fill(page, 'input[autocomplete="username"]', "小北");
  await page.keyboard.press("Enter");
  await says(page, "邮件就在路上了");
  const letter = await sink.letter();
  assert.equal(letter.subject, "设置新密码 — 读书会");
  await page.goto(linkIn(letter, "/password#"));
  await fill(page, 'input[type="password"]', "a new one that is long");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.pathname === "/");
  await page.waitForSelector(".bell");
  // The other browser is out.
  await ann.goto(`${world.base}/notices`);
  await ann.waitForFunction(() => location.pathname === "/sign-in", { timeout: 20_000 });
});
