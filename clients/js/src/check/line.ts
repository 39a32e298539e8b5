/** The line to the server: the socket's round trip, the ways to the media ports, and how fast an upload is. */
import type { CheckedUpload, CheckedWay } from "../api.js";
import type { Environment } from "../environment.js";
import { SUBPROTOCOL } from "../limits.js";
import type { CheckPoint, CheckUpload } from "../protocol/index.js";
import { Refused } from "../refused.js";
import { call } from "../rest.js";

/** A way that has not answered by then is no way. */
export const WAY_WITHIN_MS = 5_000;
/** A first look, which even a bad line gets through. */
const FIRST_BYTES = 32 * 1024;
/** Enough to see more than the start of TCP, little enough for a metered line … */
export const UPLOAD_BYTES_MAX = 512 * 1024;
/** … and no more than takes about so long by the first look. */
const UPLOAD_MS = 2_000;

/**
 * A socket, and one frame there and back. It says no hello: the answer is a refusal (H1), which tells the
 * round trip as well as any other.
 */
export function checkSocket(env: Environment): Promise<CheckedWay> {
  return new Promise((resolve) => {
    let sentAt = 0;
    let over = false;
    const end = (found: CheckedWay): void => {
      if (over) return;
      over = true;
      cancel();
      socket?.close(1000);
      resolve(found);
    };
    const cancel = env.timers.after(WAY_WITHIN_MS, () => end({ ok: false, why: "blocked" }));
    const opened = (): void => {
      sentAt = env.timers.now();
      socket?.send(JSON.stringify({ op: "roster", i: 1, a: 0 }));
    };
    const address = `${env.base.replace(/^http/, "ws")}/ws`;
    let socket: ReturnType<Environment["socket"]> | null = null;
    try {
      socket = env.socket(address, SUBPROTOCOL, {
        open: opened,
        text: () => end({ ok: true, rttMs: env.timers.now() - sentAt }),
        binary: () => {},
        closed: () => end({ ok: false, why: "blocked" }),
      });
    } catch {
      end({ ok: false, why: "blocked" });
    }
  });
}

/** Where the media ports are; nothing where the server does not say. */
export const checkPoint = (env: Environment): Promise<CheckPoint | null> =>
  call<CheckPoint>(env, { method: "GET", path: "check" }).catch(() => null);

/** ICE to a media port, with nothing to send: whether UDP gets through, else TCP, and how long it takes. */
export async function checkMedia(env: Environment, udp?: string, tcp?: string): Promise<CheckedWay> {
  const found = await checkWay(env, udp);
  // Only where it is needed: most lines never ask the port for a connection.
  if (tcp === undefined || found.ok || found.why !== "blocked") return found;
  const other = await checkWay(env, tcp);
  return other.ok ? { ...other, by: "tcp" } : found;
}

async function checkWay(env: Environment, sdp: string | undefined): Promise<CheckedWay> {
  if (env.peer === null) return { ok: false, why: "none" };
  if (sdp === undefined) return { ok: false, why: "unreachable" };
  const peer = env.peer({});
  try {
    peer.createDataChannel("check");
    await peer.setLocalDescription(await peer.createOffer());
    await peer.setRemoteDescription({ type: "answer", sdp });
    const through = await connected(env, peer);
    return through ? { ok: true, rttMs: await roundTrip(peer) } : { ok: false, why: "blocked" };
  } catch {
    // A browser without ICE of this kind.
    return { ok: false, why: "none" };
  } finally {
    peer.close();
  }
}

function connected(env: Environment, peer: RTCPeerConnection): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = env.timers.after(WAY_WITHIN_MS, () => resolve(false));
    const look = (): void => {
      const { iceConnectionState: state } = peer;
      if (state === "connected" || state === "completed" || state === "failed") {
        cancel();
        resolve(state !== "failed");
      }
    };
    peer.oniceconnectionstatechange = look;
    look();
  });
}

/** The round trip of the check that connected, as the browser measured it. */
async function roundTrip(peer: RTCPeerConnection): Promise<number> {
  let seconds = 0;
  (await peer.getStats()).forEach((stat: { type: string; state?: string; currentRoundTripTime?: number }) => {
    if (stat.type === "candidate-pair" && stat.state === "succeeded")
      seconds = stat.currentRoundTripTime ?? 0;
  });
  return seconds * 1000;
}

/** How fast an upload is: a small one, then one as large as the line carries in two seconds. */
export async function checkUpload(env: Environment): Promise<CheckedUpload> {
  const first = await upload(env, FIRST_BYTES);
  if (!first.ok) return first;
  const bytes = Math.min(UPLOAD_BYTES_MAX, Math.floor((first.kbps / 8) * UPLOAD_MS));
  return bytes < 2 * FIRST_BYTES ? first : upload(env, bytes);
}

/** By the server's watch, which starts when the request's head is there. */
async function upload(env: Environment, size: number): Promise<CheckedUpload> {
  // Noise: a proxy that compresses must not make the line look faster than it is.
  const noise = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(noise.subarray(at, at + 65_536));
  const began = env.timers.now();
  try {
    const { bytes, ms } = await call<CheckUpload>(env, {
      method: "POST",
      path: "check/upload",
      bytes: noise,
    });
    // What the server's buffers took before it looked counts by our own watch.
    const took = Math.max(ms, (env.timers.now() - began) / 2, 1);
    return { ok: true, kbps: Math.round((bytes * 8) / took) };
  } catch (error) {
    return { ok: false, why: error instanceof Refused ? error.refusal.code : "unreachable" };
  }
}
