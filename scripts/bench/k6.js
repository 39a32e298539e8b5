// The second opinion: k6's own viewers in the room that the load test fills, each a socket. They count the delay of what
// was meant in the counted seconds, from the time that stands in each text (`wq@` and microseconds since 1970).
// Told by the environment: SERVER, ROOM, TOKENS (a file, one a line), VIEWERS, JOIN_RATE, WARMUP and SECONDS of the talk, OUT.
import { SharedArray } from "k6/data";
import { WebSocket } from "k6/experimental/websockets";
import { Counter, Trend } from "k6/metrics";

const tokens = new SharedArray("tokens", () => open(__ENV.TOKENS).trim().split("\n"));
const [warmup, seconds] = [Number(__ENV.WARMUP), Number(__ENV.SECONDS)];
const TALK = '{"op":"ev"';
const delay = new Trend("delay", true);
const closed = new Counter("closed");

export const options = {
  // One of k6's users holds all sockets: a user each would be a JavaScript machine each, and later for it.
  scenarios: { viewers: { executor: "per-vu-iterations", vus: 1, iterations: 1, maxDuration: "10m" } },
  systemTags: [],
  summaryTrendStats: ["count", "med", "p(99)", "max"],
};

export default function crowd() {
  for (let n = 0; n < Number(__ENV.VIEWERS); n++) setTimeout(() => join(n), (n * 1000) / Number(__ENV.JOIN_RATE));
}

function join(n) {
  const socket = new WebSocket(`ws://${__ENV.SERVER}/ws?room=${__ENV.ROOM}`, "weiquan.v1.json");
  // When each frame came, and the frame. The rest is done when the talk is over: the next viewer's frame waits by now.
  const heard = [];
  let talks = false;
  let leaving = false;
  socket.onopen = () => {
    const hello = { op: "hello", i: 1, token: tokens[n], device: `k6-${n}` };
    socket.send(JSON.stringify([hello, { op: "join", i: 2, room: __ENV.ROOM }]));
  };
  socket.onmessage = ({ data }) => {
    heard.push(Date.now(), data);
    if (data === '{"op":"ping"}') socket.send('{"op":"pong"}');
    if (talks || !data.startsWith(TALK)) return;
    talks = true;
    setTimeout(leave, (warmup + seconds + 2) * 1000);
  };
  socket.onclose = () => {
    if (!leaving) closed.add(1);
  };
  const leave = () => {
    leaving = true;
    socket.close();
    count(heard);
  };
}

function count(heard) {
  // The first of all was meant when the talk began.
  let begin = null;
  for (let n = 0; n < heard.length; n += 2) {
    const [now, data] = [heard[n], heard[n + 1]];
    if (!data.startsWith(TALK)) continue;
    for (const record of JSON.parse(data).ev) {
      const stamp = record.b.text?.match(/^wq@(\d+) /);
      if (!stamp) continue;
      const meant = Number(stamp[1]) / 1000;
      begin ??= meant;
      const counts = meant >= begin + warmup * 1000 && meant < begin + (warmup + seconds) * 1000;
      // k6's clock knows whole milliseconds: their middle is as often too early as too late.
      if (counts) delay.add(now + 0.5 - meant);
    }
  }
}

export function handleSummary({ metrics }) {
  const { count: n, med: p50, max, "p(99)": p99 } = metrics.delay?.values ?? { count: 0 };
  return { [__ENV.OUT]: JSON.stringify({ delay_ms: { n, p50, p99, max }, closed: metrics.closed?.values.count ?? 0 }) };
}
