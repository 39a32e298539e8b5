// A bot: it answers every message that begins with "echo ".
//
//   node echo.mjs http://127.0.0.1:8080 lobby
//
// With a token in WEIQUAN_TOKEN it is that person, otherwise a guest.
import { Weiquan } from "@weiquan/client";

const [base = "http://127.0.0.1:8080", slug = "lobby"] = process.argv.slice(2);
const token = process.env.WEIQUAN_TOKEN;

const weiquan = new Weiquan({
  base,
  // Node 22 has a WebSocket of its own; for Node 20 there is the package `ws`.
  ...(globalThis.WebSocket ? {} : { socket: (await import("./socket.mjs")).openSocket }),
  ...(token ? { token: async () => token } : {}),
});
if (!token) await weiquan.beGuest("回声");

const room = weiquan.room(slug);
let answered = null;
room.view.subscribe((view) => {
  if (view.phase === "refused" || view.phase === "out") {
    console.error(view.why?.say);
    process.exitCode = 1;
    return weiquan.close();
  }
  if (!view.live) return;
  if (answered === null) console.log(`in ${view.title} as ${view.me?.name}`);
  // What was said before it came is not its business; what was said during a cut is.
  answered ??= view.newestSeq;
  const fresh = view.messages.filter((it) => it.seq !== null && it.seq > answered);
  answered = Math.max(answered, view.newestSeq);
  for (const { mine, text, seq } of fresh)
    if (!mine && text.startsWith("echo ")) room.send(text.slice("echo ".length), seq);
});
room.join();

process.once("SIGTERM", () => weiquan.close());
process.once("SIGINT", () => weiquan.close());
