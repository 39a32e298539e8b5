// What people write is shown as they wrote it and runs nowhere: a hundred ways to try, in messages, names, titles and pins.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World } from "./world.mjs";

/** Each of them would say so if it ran. */
const RUN = "window.ran=1";
const TAGS = ["script", "img", "svg", "iframe", "object", "embed", "video", "audio", "body", "input", "details", "marquee", "math",
  "style", "link", "meta", "base", "form", "button", "a", "template", "select", "textarea", "keygen"];
const SCHEMES = ["javascript:", "JaVaScRiPt:", "java\tscript:", " javascript:", "\u0001javascript:", "javascript&colon;", "vbscript:",
  "data:text/html,<script>parent.ran=1</script>", "data:text/html;base64,PHNjcmlwdD5wYXJlbnQucmFuPTE8L3NjcmlwdD4=", "blob:x",
  "file:///etc/passwd"];
const vectors = [
  ...TAGS.map((it) => `<${it} src=x href=x onerror=${RUN} onload=${RUN} onfocus=${RUN} autofocus ontoggle=${RUN} open>${RUN}</${it}>`),
  ...TAGS.map((it) => `"'></${it}><${it}/onpointerenter=${RUN}//`),
  ...SCHEMES.map((it) => `${it}${it.includes("script:") ? RUN : ""}`),
  ...SCHEMES.map((it) => `[click](${it}${RUN})`),
  `<script>${RUN}</script>`, `<scr<script>ipt>${RUN}</script>`, `<svg><script href=data:,${RUN} />`, `<svg><animate onbegin=${RUN} attributeName=x>`,
  `<img src=x:x onerror=eval(atob('d2luZG93LnJhbj0x'))>`, `<img/src/onerror=${RUN}>`,
  `<iframe srcdoc="<script>parent.ran=1</script>">`,
  `<math><mi//xlink:href="javascript:${RUN}">x`, `<a href="&#106;avascript:${RUN}">x</a>`,
  `<style>@import'javascript:${RUN}';</style>`,
  `</title><script>${RUN}</script>`, `</textarea><script>${RUN}</script>`, `--><script>${RUN}</script>`, `]]><script>${RUN}</script>`,
  `{{constructor.constructor('${RUN}')()}}`, `\${${RUN}}`, `{@html '<script>${RUN}</script>'}`, `<%= ${RUN} %>`,
  `https://example.org/"onmouseover="${RUN}`, `https://example.org/'onmouseover='${RUN}`, `https://example.org/<script>${RUN}</script>`,
  `http://javascript:${RUN}@example.org`, `https://exa\u202emple.org`, `//example.org/${RUN}`, `www.example.org/"><script>${RUN}</script>`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`, `<table background="javascript:${RUN}">`, `<xss onafterscriptexecute=${RUN}>`,
  `<input type=image src=x onerror=${RUN}>`, `<link rel=import href=data:text/html,<script>${RUN}</script>>`, `<object data="javascript:${RUN}">`,
];

let world, slug;

before(async () => {
  world = await World.start();
  const title = `</title><script>${RUN}</script><img src=x onerror=${RUN}>`.slice(0, 120);
  slug = await world.setUp("night", title);
});
after(() => world?.end());

/** Somebody on a socket of their own. */
async function speaker(name) {
  const guest = await world.post("/api/v1/guests", { device: `${name.length}`.padEnd(32, "x"), name: name.slice(0, 40) });
  return talker(guest.token);
}

async function talker(token) {
  const socket = new WebSocket(`${world.base.replace("http", "ws")}/ws`, "weiquan.v1.json");
  await new Promise((done, fail) => ((socket.onopen = done), (socket.onerror = fail)));
  const waiting = new Map();
  socket.onmessage = ({ data }) => {
    for (const frame of [JSON.parse(data)].flat()) waiting.get(frame.i)?.(frame);
  };
  let last = 0;
  const ask = (frame) =>
    new Promise((done) => {
      const i = ++last;
      waiting.set(i, done);
      socket.send(JSON.stringify({ ...frame, i }));
    });
  await ask({ op: "hello", token, device: crypto.randomUUID() });
  const joined = await ask({ op: "join", room: slug });
  const cid = () => `01940000-0000-7000-8000-${crypto.randomUUID().slice(-12)}`;
  return {
    close: () => socket.close(),
    say: (text) => ask({ op: "pub", a: joined.ok.a, cid: cid(), text }),
    pin: (text) => ask({ op: "pin", a: joined.ok.a, cid: cid(), text }),
  };
}

test("nothing that people write runs", async () => {
  assert.ok(vectors.length >= 100, `${vectors.length} of them`);
  // The owner is not held to the rate of talk; a guest has a name that tries as well.
  const owner = await talker(world.owner);
  const evil = await speaker(`<img src=x onerror=${RUN}>`);
  assert.ok((await evil.say(`<b>${RUN}</b>`)).ok);
  assert.ok((await owner.pin(vectors[0])).ok);
  const page = await world.page(await world.browser());
  const broken = [];
  page.on("dialog", (it) => (broken.push(`a dialog: ${it.message()}`), it.dismiss()));
  page.on("framenavigated", (it) => it.url().startsWith(world.base) || broken.push(`it went to ${it.url()}`));
  await page.goto(`${world.base}/r/${slug}`);
  await page.waitForFunction(() => document.body.textContent.includes("onerror"), { timeout: 20_000 });
  const links = new Set();
  for (const [n, vector] of vectors.entries()) {
    const answer = await owner.say(`${n}# ${vector}`);
    assert.ok(answer.ok, `${vector}: ${JSON.stringify(answer.err)}`);
    await page.waitForFunction((head) => document.body.textContent.includes(head), { timeout: 20_000 }, `${n}# `);
    // Whatever is there now, as the browser made it.
    const found = await page.evaluate(() => ({
      ran: window.ran,
      foreign: [...document.querySelectorAll(["script", "iframe", "object", "embed", "style", "base", "meta", "math", "marquee"]
        .map((it) => `main ${it}`).join())].map((it) => it.outerHTML),
      handlers: [...document.querySelectorAll("*")].flatMap((it) => it.getAttributeNames().filter((name) => name.startsWith("on"))),
      links: [...document.querySelectorAll("main a")].map((it) => ({ href: it.href, rel: it.rel, target: it.target })),
    }));
    assert.equal(found.ran, undefined, `it ran: ${vector}`);
    assert.deepEqual(found.foreign, [], vector);
    assert.deepEqual(found.handlers, [], vector);
    for (const link of found.links) {
      links.add(link.href);
      assert.match(link.href, /^https?:\/\//, `a link by ${vector}`);
      if (link.target === "_blank") assert.match(link.rel, /noopener/, link.href);
    }
  }
  assert.ok([...links].some((it) => it.startsWith("https://example.org/")), "real links are links");
  // The page of the shared link is made by the server.
  const html = await (await fetch(`${world.base}/r/${slug}`)).text();
  assert.ok(!html.includes(`<script>${RUN}`) && !html.includes("<img src=x"), html);
  assert.deepEqual(broken, []);
  owner.close();
  evil.close();
});

test("the policy of the page stops what would slip through", async () => {
  const page = await world.page(await world.browser());
  await page.goto(`${world.base}/r/${slug}`);
  const stopped = await page.evaluate(async () => {
    const violations = [];
    document.addEventListener("securitypolicyviolation", (it) => violations.push(it.effectiveDirective));
    const script = document.createElement("script");
    script.textContent = "window.ran=1";
    document.body.append(script);
    const image = document.createElement("div");
    image.innerHTML = "<img src=x onerror='window.ran=1'><iframe srcdoc='<script>parent.ran=1</script>'></iframe>";
    document.body.append(image);
    const far = document.createElement("script");
    far.src = "https://evil.example/x.js";
    document.body.append(far);
    await new Promise((done) => {
      const seen = () => (violations.length >= 3 ? done() : requestAnimationFrame(seen));
      seen();
    });
    return { ran: window.ran, violations };
  });
  assert.equal(stopped.ran, undefined);
  assert.ok(stopped.violations.includes("script-src-elem"), stopped.violations);
});
