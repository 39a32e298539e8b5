// What is read without a script, by the letter of HTML: every public page of a topic, as the server writes it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { HtmlValidate } from "html-validate";
import { World, password } from "./world.mjs";

const OPENING = `## 路线

从**东门**出发，_慢慢走_，~~不打车~~。看 [地图](https://example.com/map?a=1&b=2) 或 <https://example.com>。

> 去年下过雨

1. 水
2. 帽子
   - 大的
   - 小的

| 时间 | 地点 |
|---|---|
| 8:00 | 东门 |

\`\`\`rust
fn main() { println!("<&>"); }
\`\`\`

---

#周末 "引号" & <b>不是标记</b>`;

const checks = new HtmlValidate({
  root: true,
  extends: ["html-validate:standard"],
  // How it is written, not what it is: void elements end as the app's own page has them.
  rules: { "void-style": "off", "no-trailing-whitespace": "off" },
});

let world;
before(async () => {
  world = await World.start();
  await world.setUp("hall", "大厅");
});
after(() => world?.end());

const start = (wish) => world.post("/api/v1/topics", { cid: crypto.randomUUID(), kind: "discussion", guests: true, tags: [], ...wish }, world.owner);

async function valid(path, language = "zh-CN") {
  const answer = await fetch(world.base + path, { headers: { "accept-language": language } });
  assert.equal(answer.status, 200, path);
  const html = await answer.text();
  const { results } = await checks.validateString(html, path);
  const found = results.flatMap((it) => it.messages).map((it) => `${it.line}:${it.column} ${it.ruleId}: ${it.message}: ${html.split("\n")[it.line - 1]?.slice(it.column - 40, it.column + 80)}`);
  assert.deepEqual(found, [], path);
  return html;
}

test("public pages are valid HTML, whatever is written in them", { timeout: 60_000 }, async () => {
  const { token } = await world.post("/api/v1/accounts", { name: "小安", password });
  const asked = await start({ kind: "question", title: `<"怎么" & '走'>`, text: OPENING });
  const ann = await world.writer(asked.room, token);
  ann.say(OPENING);
  for (let n = 1; n <= 5; n++) ann.say(`安的第 ${n} 句 <i>&amp;`);
  await ann.settled();
  // More than a page, by so many that nobody is too fast.
  for (let n = 1; n <= 8; n++) {
    const { token } = await world.post("/api/v1/accounts", { name: `路人 ${n}`, password });
    const other = await world.writer(asked.room, token);
    for (let m = 1; m <= 4; m++) other.say(`${n} 说 ${m}`);
    await other.settled();
  }
  ann.send("pub", { text: "回你", re: 5 });
  ann.send("edit", { of: 6, text: "改过的" });
  ann.send("delete", { of: 7 });
  await ann.settled();
  assert.deepEqual(ann.refused, []);
  const owner = await world.writer(asked.room);
  owner.send("topic", { act: { do: "accept", of: 4 } });
  await owner.settled();
  const split = await world.post(`/api/v1/topics/${asked.room}/split`, { cid: crypto.randomUUID(), seqs: [8, 9], title: "另一件事" }, world.owner);

  const html = await valid(`/t/${asked.room}`);
  for (const there of ["<table>", "<blockquote>", "<ol>", "<pre>", "已采纳的回答", "已编辑", "已删除", "已移到"]) assert.ok(html.includes(there), there);
  const next = html.match(/rel="next" href="([^"]+)"/)[1];
  await valid(new URL(next).pathname + new URL(next).search);
  await valid(`/t/${split.room}`, "en");

  const message = (await world.history("hall")).length;
  const hall = await world.writer("hall", token);
  hall.say("大家看这里");
  await hall.settled();
  const made = await start({ kind: "feedback", title: "由消息而来", text: "", from: { room: "hall", seqs: [message + 1] } });
  await valid(`/t/${made.room}`, "zh-TW");
  const merged = await start({ kind: "feedback", title: "同一件事", text: "一样" });
  const answer = await fetch(`${world.base}/api/v1/topics/${merged.room}/into`, {
    method: "PUT", headers: { "content-type": "application/json", authorization: `Bearer ${world.owner}` }, body: JSON.stringify({ into: made.room }),
  });
  assert.ok(answer.ok, await answer.text());
  for (const { room } of [merged, made]) await valid(`/t/${room}`);
  for (const page of ["/", "/talk", "/r/hall"]) await valid(page);
});
