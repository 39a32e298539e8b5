// Ports for the programs that a test or a measurement starts, as tests/support/ports.rs gives them:
// below the range that the kernel gives out by itself, out of a block that this process holds by
// listening on its first port, so that nobody takes a port between its choice and its use.
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

const first = 12_000;
const blocks = 600;
const size = 32;

const ours = { next: 0, end: 0 };
let last = Promise.resolve();

/** A port that nobody uses and nobody else is given, TCP and UDP alike. */
export function freePort() {
  last = last.then(next);
  return last;
}

async function next() {
  for (;;) {
    if (ours.next === ours.end) await hold();
    const port = ours.next++;
    const tcp = await listen(port);
    if (!tcp) continue;
    const free = await udp(port);
    await new Promise((done) => tcp.close(done));
    if (free) return port;
  }
}

/** Listens on the first port of a block for as long as this process lives. */
async function hold() {
  for (let step = 0; step < blocks; step += 1) {
    const start = first + ((process.pid + step) % blocks) * size;
    const held = await listen(start);
    if (!held) continue;
    held.unref();
    ours.next = start + 1;
    ours.end = start + size;
    return;
  }
  throw new Error("every block of test ports is held: are old test programs still running?");
}

function listen(port) {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(undefined));
    server.listen(port, "127.0.0.1", () => done(server));
  });
}

function udp(port) {
  return new Promise((done) => {
    const socket = createSocket("udp4");
    socket.once("error", () => done(false));
    socket.bind(port, "127.0.0.1", () => socket.close(() => done(true)));
  });
}
