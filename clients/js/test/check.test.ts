/** The check before watching or going live, on a line that a test makes good or bad. */
import { expect, it } from "vitest";
import { Check, type PeerFactory, type SocketFactory } from "../src/index.js";
import { HandClock, settled } from "./clock.js";

/** A server that takes `ms` for everything, or never answers; to what is in `blocked` UDP does not get through. */
function line(ms: number | null, blocked: readonly string[] = []) {
  const clock = new HandClock();
  const said: string[] = [];
  const calls: { call: string; bytes: number }[] = [];
  const socket: SocketFactory = (_url, _protocol, events) => {
    if (ms !== null) clock.after(ms, () => events.open());
    return {
      send: (text) => {
        said.push(text);
        if (ms !== null)
          clock.after(ms, () => events.text('{"i":1,"err":{"code":"hello_first","act":"stop","say":"…"}}'));
      },
      close: () => {},
    };
  };
  const peer: PeerFactory = () => {
    const it = {
      iceConnectionState: "new",
      remote: "",
      oniceconnectionstatechange: () => {},
      createDataChannel: () => ({}),
      createOffer: async () => ({ type: "offer", sdp: "v=0" }),
      setLocalDescription: async () => {},
      setRemoteDescription: async ({ sdp }: { sdp: string }) => {
        it.remote = sdp;
        if (ms === null || blocked.includes(sdp)) return;
        clock.after(ms, () => {
          it.iceConnectionState = "connected";
          it.oniceconnectionstatechange();
        });
      },
      getStats: async () =>
        new Map([["p", { type: "candidate-pair", state: "succeeded", currentRoundTripTime: 0.031 }]]),
      close: () => calls.push({ call: `closed ${it.remote}`, bytes: 0 }),
    };
    return it as unknown as RTCPeerConnection;
  };
  const answers: Record<string, unknown> = {
    "GET check": { sdp: "v=0 check", publish_sdp: "v=0 publish", upload_bytes_max: 1_048_576 },
    "POST check/upload": { bytes: 524_288, ms: 1_000 },
  };
  const options = {
    base: "https://live.example.org",
    timers: clock,
    now: clock.unix,
    socket,
    peer,
    fetch: (async (input: RequestInfo | URL, init?: RequestInit) => {
      const call = `${init?.method} ${String(input).split("/api/v1/")[1]}`;
      calls.push({ call, bytes: init?.body instanceof Uint8Array ? init.body.length : 0 });
      const answer = answers[call];
      if (answer === undefined) throw new TypeError("no network");
      return new Response(JSON.stringify(answer), { status: "code" in (answer as object) ? 429 : 200 });
    }) as typeof fetch,
  };
  return { clock, said, calls, answers, options };
}

async function facts(of: ReturnType<typeof line>) {
  const check = new Check(of.options);
  const run = check.run();
  let over = false;
  void run.then(() => (over = true));
  for (let n = 0; !over && n < 400; n++) {
    await of.clock.advance(50);
    // The sound of a page is asked of the browser itself; here there is none to wait for.
    await settled();
  }
  await run;
  return check.facts.get();
}

it("finds a good line, and how long it is", async () => {
  const good = line(20);
  const found = await facts(good);
  expect(found).toMatchObject({
    socket: { ok: true, rttMs: 20 },
    media: { ok: true, rttMs: 31 },
    publish: { ok: true, rttMs: 31 },
    upload: { ok: true, kbps: Math.round((524_288 * 8) / 1_000) },
    done: true,
  });
  expect(good.calls.map((it) => it.call)).toEqual([
    "GET check",
    "closed v=0 check",
    "closed v=0 publish",
    "POST check/upload",
    "POST check/upload",
  ]);
  expect(
    good.calls.slice(3).map((it) => it.bytes),
    "a first look, then half a megabyte at most",
  ).toEqual([32_768, 524_288]);
  expect(good.said.join(), "it says no hello").not.toContain("hello");
});

it("does not upload much over a line that carries little", async () => {
  const slow = line(20);
  slow.answers["POST check/upload"] = { bytes: 32_768, ms: 2_000 };
  expect((await facts(slow)).upload).toEqual({ ok: true, kbps: 131 });
  expect(slow.calls.filter((it) => it.call.startsWith("POST"))).toHaveLength(1);
});

it("calls a way blocked when nothing comes back in five seconds", async () => {
  const found = await facts(line(null));
  expect(found.socket).toEqual({ ok: false, why: "blocked" });
  expect(found.media).toEqual({ ok: false, why: "blocked" });
  expect(found.publish).toEqual({ ok: false, why: "blocked" });
  expect(found.done).toBe(true);
});

it("tells the port that viewers are shown from and the one that is published to apart", async () => {
  const found = await facts(line(20, ["v=0 publish"]));
  expect(found.media).toEqual({ ok: true, rttMs: 31 });
  expect(found.publish).toEqual({ ok: false, why: "blocked" });
  const other = await facts(line(20, ["v=0 check"]));
  expect(other.media).toEqual({ ok: false, why: "blocked" });
  expect(other.publish).toEqual({ ok: true, rttMs: 31 });
});

it("finds that media comes by TCP where UDP does not get through, and asks only then", async () => {
  const both = { tcp_sdp: "v=0 pipe", publish_tcp_sdp: "v=0 publish pipe" };
  const by = async (blocked: string[]) => {
    const way = line(20, blocked);
    Object.assign(way.answers["GET check"] as object, both);
    const found = await facts(way);
    const asked = way.calls.filter((it) => it.call.includes("pipe")).map((it) => it.call);
    return { ...found, asked };
  };
  const tcp = { ok: true, rttMs: 31, by: "tcp" };
  const blocked = { ok: false, why: "blocked" };
  expect(await by([])).toMatchObject({ media: { ok: true, rttMs: 31 }, asked: [] });
  expect(await by(["v=0 check", "v=0 publish"])).toMatchObject({ media: tcp, publish: tcp });
  const some = await by(["v=0 check", "v=0 publish", "v=0 publish pipe"]);
  expect(some).toMatchObject({ media: tcp, publish: blocked });
  expect(await by(["v=0 publish"])).toMatchObject({ publish: tcp, asked: ["closed v=0 publish pipe"] });
});

it("tells a refused upload from a server that is away", async () => {
  const busy = line(20);
  busy.answers["POST check/upload"] = { code: "busy", act: "retry", detail: "…", status: 429 };
  expect((await facts(busy)).upload).toEqual({ ok: false, why: "busy" });
  const away = line(20);
  away.answers["GET check"] = undefined;
  away.answers["POST check/upload"] = undefined;
  const found = await facts(away);
  expect(found.media).toEqual({ ok: false, why: "unreachable" });
  expect(found.publish).toEqual({ ok: false, why: "unreachable" });
  expect(found.upload).toEqual({ ok: false, why: "unreachable" });
});

it("says where there is no WebRTC, and what is not known stays unknown", async () => {
  const { options, ...rest } = line(20);
  const { peer: _, ...without } = options;
  const found = await facts({ ...rest, options: without as typeof options });
  expect(found.media).toEqual({ ok: false, why: "none" });
  expect(found).toMatchObject({ plays: [], sends: [], sound: "after_tap" });
  expect(found.camera).toEqual({ count: 0, permission: "unknown" });
});

it("says nothing more once it was stopped", async () => {
  const good = line(20);
  const check = new Check(good.options);
  const run = check.run();
  check.stop();
  await good.clock.advance(10_000);
  await run;
  expect(check.facts.get().done).toBe(false);
  expect(good.calls.some((it) => it.call.startsWith("POST"))).toBe(false);
});
