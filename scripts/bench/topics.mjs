// A million replies in ten thousand topics, told to the release server over its own doors: what a page, a list, the unread
// counts and a search take, what a public page costs, and what a delivery costs in a topic beside a live room.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { sides } from "./figures.mjs";
import { Postgres, programs } from "./postgres.mjs";
import { Server, ask, bun, finish, out } from "./rig.mjs";
import { draws, textOf, words } from "./words.mjs";

const TOPICS = Number(process.env.BENCH_TOPICS ?? 10_000);
const REPLIES = Number(process.env.BENCH_REPLIES ?? 1_000_000);
/** One topic in a hundred has a thousand replies; the others share the rest. */
const [LONG, LONG_REPLIES] = [Math.ceil(TOPICS / 100), Math.min(1_000, Math.floor(REPLIES / TOPICS) * 10)];
const REST = Math.ceil((REPLIES - LONG * LONG_REPLIES) / Math.max(1, TOPICS - LONG));
const FOLLOWED = Math.min(500, TOPICS);
/** What one member may start in ten minutes, and how many make their account at one address in that time. */
const [STARTED_BY_ONE, ACCOUNTS_AT_ONE] = [10, 15];
const PASSWORD = "bench password";
const [ASKED, TRIED, READERS] = [1_000, 200, 2_000];
const AT_ONCE = 8;
const command = (own, words) => `make bench ONLY=topics:${own} (${REPLIES} replies in ${TOPICS} topics; ${words})`;

/** Each by the name that `ONLY=topics:…` has for it. */
export const TOPIC_FIGURES = { stored, fanout, postgres };

/** Does something for each of many, a few at once. */
async function each(all, run) {
  const waiting = all.entries();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const [n, it] of waiting) await run(it, n);
  }));
}

async function put(url, token, body) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const answer = await fetch(url, { method: "PUT", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
}

/** Starts the topics and writes the replies; answers how many there are in each. */
async function filled(it, clientCore) {
  const api = `${it.base}/api/v1`;
  const members = Array.from({ length: Math.ceil(TOPICS / STARTED_BY_ONE) }, (_, n) => n);
  const plan = [];
  await each(members, async (n) => {
    const from = `198.18.${n / ACCOUNTS_AT_ONE >> 8}.${(n / ACCOUNTS_AT_ONE) & 255}`;
    const member = await ask(`${api}/accounts`, null, { name: `starter ${n}`, password: PASSWORD }, from);
    for (let topic = n * STARTED_BY_ONE; topic < Math.min(TOPICS, (n + 1) * STARTED_BY_ONE); topic++) {
      const wish = { cid: crypto.randomUUID(), title: `Topic ${topic}`, text: textOf(topic, 0), guests: true };
      const { room } = await ask(`${api}/topics`, member.token, wish);
      plan[topic] = { slug: room, topic, replies: topic % 100 === 0 ? LONG_REPLIES : REST };
    }
    if (n % 100 === 99) console.error(`  ${(n + 1) * STARTED_BY_ONE} topics`);
  });
  // The owner follows some of them, and reads nothing of what comes.
  const owner = await ask(`${api}/sign-in`, null, { name: "bench", password: PASSWORD });
  await each(plan.slice(0, FOLLOWED), ({ slug }) => put(`${api}/topics/${slug}/following`, owner.token, { following: "yes" }));
  const file = path.join(out, "topics.json");
  writeFileSync(file, JSON.stringify(plan));
  const since = performance.now();
  await finish(bun, ["scripts/bench/replies.js", "fill", it.base.replace("http", "ws"), it.tokens, file], { core: clientCore });
  const replies = plan.reduce((sum, { replies }) => sum + replies, 0);
  console.error(`  ${replies} replies said in ${((performance.now() - since) / 1_000).toFixed(0)} s`);
  // Each topic has its title and its first text besides.
  await it.until("weiquan_search_docs_total", replies + 2 * TOPICS);
  console.error(`  all of it found after ${((performance.now() - since) / 1_000).toFixed(0)} s`);
  // Started again: what is measured finds nothing warm but the disk's pages.
  await it.stop();
  await it.run();
  return plan;
}

const p99 = (times) => times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) * 0.99)];

/** `fetch` takes a millisecond for itself, and now and then several. */
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function answered(url, token) {
  return new Promise((done, fail) => {
    const asked = http.get(url, { agent, headers: { authorization: `Bearer ${token}` } }, (answer) => {
      answer.resume();
      answer.on("end", () => (answer.statusCode === 200 ? done() : fail(new Error(`${url}: ${answer.statusCode}`))));
    });
    asked.on("error", fail);
  });
}

/** How long each of many questions took, asked one after the other on a connection that is open; `token` names who asks next. */
async function timed(urls, token) {
  const times = [];
  for (const url of urls) {
    const since = performance.now();
    await answered(url, token());
    times.push(performance.now() - since);
  }
  return times;
}

/** The p99 of each of so many rounds. */
async function p99s(rounds, urls, token) {
  const found = [];
  for (let round = 0; round < rounds; round++) found.push(p99(await timed(urls(), token)));
  return found;
}

async function stored(bench) {
  const it = await Server.start(["bench"], READERS + 10, { folder: "topics", core: bench.serverCore });
  await measured(it, bench, "stored", "");
  await it.stop();
}

/** The same on a PostgreSQL of its own. */
async function postgres(bench) {
  if (!programs()) return console.error("  topics:postgres: no PostgreSQL is installed");
  const database = await Postgres.start();
  const it = await Server.start(["bench"], READERS + 10, { folder: "topics", core: bench.serverCore, database: database.url });
  await measured(it, bench, "postgres", "_postgres");
  await it.stop();
  await database.stop();
}

async function measured(it, bench, own, more) {
  const { clientCore, rounds } = bench;
  /** A figure that both engines have. */
  const figure = (name, ...rest) => bench.tell(`${name}${more}`, ...rest);
  const plan = await filled(it, clientCore);
  const api = `${it.base}/api/v1`;
  // A member may search twice a second, and this is many members.
  const members = readFileSync(it.tokens, "utf8").trim().split("\n");
  let asked = 0;
  const member = () => members[asked++ % members.length];

  const long = plan.filter(({ replies }) => replies === LONG_REPLIES);
  const longFile = path.join(out, "topics-long.json");
  writeFileSync(longFile, JSON.stringify(long));
  const opened = () => JSON.parse(execFileSync("taskset", ["-c", String(clientCore), bun, "scripts/bench/replies.js", "open", it.base.replace("http", "ws"), it.tokens, longFile], { encoding: "utf8" }));
  figure("topics.page_p99_ms", [p99(opened())], command(own, `the first page of ${long.length} topics of ${LONG_REPLIES} replies, each for the first time since the start, as one hears it on loopback`));

  const owner = await ask(`${api}/sign-in`, null, { name: "bench", password: PASSWORD });
  // What the machine and HTTP take by themselves at that moment.
  const nothing = () => Array(ASKED).fill(`${api}/server`);
  figure("topics.nothing_p99_ms", await p99s(rounds, nothing, () => owner.token), command(own, `${ASKED} answers for which nothing is read, as one hears them on loopback: what is beneath the figures that follow`));

  const lists = () => Array.from({ length: ASKED }, (_, n) => `${api}/topics?n=50${n % 2 ? "" : "&kind=discussion"}`);
  figure("topics.list_p99_ms", await p99s(rounds, lists, member), command(own, `${ASKED} lists of the 50 freshest topics, with and without a filter, as one hears them on loopback`));

  const unread = await ask(`${api}/unread`, owner.token);
  if (unread.topics !== FOLLOWED) throw new Error(`unread says ${JSON.stringify(unread)}`);
  figure("topics.unread_p99_ms", await p99s(rounds, () => Array(ASKED).fill(`${api}/unread`), () => owner.token), command(own, `unread counts of ${FOLLOWED} followed topics, as one hears them on loopback`));

  const draw = draws(7);
  const searches = () => Array.from({ length: ASKED }, () => `${api}/search?q=${encodeURIComponent(words(draw, 2))}`);
  figure("topics.search_p99_ms", await p99s(rounds, searches, member), command(own, `the newest 20 of ${ASKED} words of two characters as often as people use them, as one hears them on loopback`));
  figure("topics.search_recall", [await recall(api, plan, draw, member)], command(own, `all hits of ${TRIED} words of two characters in topics of ${LONG_REPLIES} replies, beside a look at every text`));

  figure("topics.html_rps_per_core", await pages(it, plan, bench), command(own, `public pages of topics at random, ${bench.seconds} s, per second of the server's CPU time`));
}

/** The part of what is there that a search finds, over all pages of its hits. */
async function recall(api, plan, draw, token) {
  let [there, found] = [0, 0];
  for (let n = 0; n < TRIED; n++) {
    const { slug, topic, replies } = plan[100 * Math.floor(draw() * LONG)];
    const pair = words(draw, 2);
    const texts = Array.from({ length: replies + 1 }, (_, at) => textOf(topic, at)).filter((it) => it.includes(pair));
    const hits = [];
    let after;
    do {
      const page = await ask(`${api}/search?${new URLSearchParams({ q: pair, room: slug, n: 50, ...(after && { after }) })}`, token());
      hits.push(...page.hits.filter((it) => it.seq !== null));
      after = page.next;
    } while (after);
    if (hits.some((it) => !it.text.includes(pair)) || hits.length > texts.length) throw new Error(`${pair} in ${slug}: a hit that is none`);
    there += texts.length;
    found += hits.length;
  }
  return found / there;
}

/** CPU seconds that a process has used. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function pages(it, plan, { rounds, seconds }) {
  const found = [];
  const draw = draws(11);
  for (let round = 0; round < rounds; round++) {
    const [before, until] = [cpu(it.pid), performance.now() + seconds * 1_000];
    let pages = 0;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (performance.now() < until) {
        const answer = await fetch(`${it.base}/t/${plan[Math.floor(draw() * plan.length)].slug}`);
        const text = await answer.text();
        if (!answer.ok || !text.includes("DiscussionForumPosting")) throw new Error(`a page is none: ${answer.status}`);
        pages++;
      }
    }));
    found.push(pages / (cpu(it.pid) - before));
    console.error(`  round ${round + 1}: ${pages} pages, ${found.at(-1).toFixed(0)} a CPU second`);
  }
  return found;
}

/** Readers of a topic beside as many viewers of a live room, at fifty messages a second. */
async function fanout({ rounds, seconds, serverCore, loaded, tell }) {
  const [topic, live] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const it = await Server.start(["bench"], READERS + 10, { folder: "topics", core: serverCore });
    const owner = await ask(`${it.base}/api/v1/sign-in`, null, { name: "bench", password: PASSWORD });
    const wish = { cid: crypto.randomUUID(), title: "Topic", text: textOf(0, 0), guests: true };
    const { room } = await ask(`${it.base}/api/v1/topics`, owner.token, wish);
    const turn = round % 2 ? [[live, "bench"], [topic, room]] : [[topic, room], [live, "bench"]];
    for (const [to, slug] of turn) {
      const plan = ["--room", slug, "--viewers", String(READERS), "--writers", "1", "--rate", "50", "--text-bytes", "90", "--join-rate", "1000", "--seconds", String(seconds)];
      const found = await loaded(["crowd", ...it.where, "--tokens", it.tokens, "--server-pid", it.pid, ...plan]);
      if (found.verdict === "FAIL") throw new Error("a delivery was wrong: no figure");
      to.push(found.cpu_us_per_delivery);
    }
    await it.stop();
    console.error(`  round ${round + 1}: ${topic.at(-1).toFixed(2)} µs in a topic beside ${live.at(-1).toFixed(2)} µs in a room`);
  }
  tell("topics.fanout_ratio", topic.map((it, n) => it / live[n]), `make bench ONLY=topics:fanout (${READERS} readers, 50 replies/s beside a live room; ${seconds} s)`,
    { peer: "a live room of the same server", ...sides(topic, live, "us/delivery") });
}
