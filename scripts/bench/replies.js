// What the bench says and asks in topics over the socket (run by Bun, for its WebSocket):
//   replies.js fill URL TOKENS PLAN   writes the replies of a plan, `[{ slug, topic, replies }]`, and ends when all are acknowledged
//   replies.js open URL TOKENS PLAN   opens the plan's topics one by one and prints how long the first page of each took, in ms
import { readFileSync } from "node:fs";
import { textOf } from "./words.mjs";

const [what, url, tokensFile, planFile] = process.argv.slice(2);
const tokens = readFileSync(tokensFile, "utf8").trim().split("\n");
const plan = JSON.parse(readFileSync(planFile, "utf8"));
/** As many as a connection may have open, in one message. */
const BATCH = 64;
const LINES = 32;

/** A connection that asks, and hears the answer to each question. */
class Line {
  #socket;
  #asked = 0;
  #answers = new Map();

  static async open(n) {
    const it = new Line();
    it.#socket = new WebSocket(`${url}/ws`, "weiquan.v1.json");
    await new Promise((opened, failed) => {
      it.#socket.onopen = opened;
      it.#socket.onerror = () => failed(new Error(`${url} cannot be reached`));
    });
    it.#socket.onclose = ({ code }) => it.#answers.forEach(({ failed }) => failed(new Error(`closed with ${code}`)));
    it.#socket.onmessage = ({ data }) => {
      for (const frame of [JSON.parse(data)].flat()) {
        if (frame.op === "ping") it.#socket.send('{"op":"pong"}');
        const asked = frame.i !== undefined && it.#answers.get(frame.i);
        if (!asked) continue;
        it.#answers.delete(frame.i);
        if (frame.err) asked.failed(new Error(JSON.stringify(frame.err)));
        else asked.told(frame.ok);
      }
    };
    await it.ask([{ op: "hello", token: tokens[n % tokens.length], device: `bench ${n}` }]);
    return it;
  }

  /** Asks all at once, and answers with all answers. */
  ask(frames) {
    const answers = frames.map((frame) => new Promise((told, failed) => this.#answers.set((frame.i = ++this.#asked), { told, failed })));
    this.#socket.send(JSON.stringify(frames));
    return Promise.all(answers);
  }

  close() {
    this.#socket.close();
  }
}

async function fill() {
  const waiting = [...plan];
  await Promise.all(
    Array.from({ length: LINES }, async (_, n) => {
      const line = await Line.open(n);
      for (let it = waiting.shift(); it; it = waiting.shift()) {
        const [{ a }] = await line.ask([{ op: "join", room: it.slug }]);
        for (let from = 1; from <= it.replies; from += BATCH) {
          const some = Array.from({ length: Math.min(BATCH, it.replies - from + 1) }, (_, at) => textOf(it.topic, from + at));
          await line.ask(some.map((text) => ({ op: "pub", a, cid: crypto.randomUUID(), text })));
        }
        await line.ask([{ op: "leave", a }]);
      }
      line.close();
    }),
  );
}

async function open() {
  const line = await Line.open(0);
  const times = [];
  for (const { slug } of plan) {
    const since = performance.now();
    const [joined] = await line.ask([{ op: "join", room: slug }]);
    times.push(performance.now() - since);
    if (joined.ev.length === 0) throw new Error(`${slug}: an empty page`);
    await line.ask([{ op: "leave", a: joined.a }]);
  }
  line.close();
  console.log(JSON.stringify(times));
}

await { fill, open }[what]();
process.exit(0);
