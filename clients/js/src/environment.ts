/** The world around the client, with the browser's own parts as defaults. Nothing else asks for them. */
import type {
  DeviceSigns,
  PeerFactory,
  Socket,
  SocketEvents,
  SocketFactory,
  Timers,
  WeiquanOptions,
} from "./api.js";
import { type Inflate, loadInflate } from "./connection/deflated.js";
import type { Turn } from "./protocol/index.js";
import { Cell } from "./readable.js";
import { BrowserStorage, MemoryStorage } from "./storage.js";

export type Environment = Required<Omit<WeiquanOptions, "compress" | "peer" | "token">> & {
  compress: () => boolean;
  inflate: () => Promise<Inflate>;
  /** Absent where there is no WebRTC (Node, a very old browser). */
  peer: PeerFactory | null;
  /** Absent where people sign in here. */
  token: (() => Promise<string>) | null;
  /** What the newest welcome lets this client in at: the server's relay, where it has one. */
  relays: Turn[];
};

export function environment(options: WeiquanOptions): Environment {
  const { compress } = options;
  return {
    compress: typeof compress === "function" ? compress : () => compress === true,
    inflate: loadInflate,
    base: options.base.replace(/\/+$/, ""),
    storage: options.storage ?? (globalThis.indexedDB ? new BrowserStorage(indexedDB) : new MemoryStorage()),
    socket: options.socket ?? browserSocket(),
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    token: options.token ?? null,
    peer: options.peer ?? (globalThis.RTCPeerConnection ? (config) => new RTCPeerConnection(config) : null),
    timers: options.timers ?? browserTimers,
    now: options.now ?? (() => Date.now()),
    nobody: options.nobody ?? (() => ""),
    random: options.random ?? chance,
    device: options.device ?? deviceSigns(),
    relays: [],
  };
}

/** From the system's source of chance: client ids and the guest's secret must not be guessable. */
function chance(): number {
  const words = crypto.getRandomValues(new Uint32Array(1));
  return (words[0] ?? 0) / 2 ** 32;
}

const browserTimers: Timers = {
  now: () => performance.now(),
  after(ms, run) {
    const id = setTimeout(run, ms);
    return () => clearTimeout(id);
  },
};

function browserSocket(): SocketFactory {
  if (globalThis.WebSocket) return openSocket;
  throw new TypeError("there is no WebSocket here (Node before 22?): give `socket`, as the README shows");
}

function openSocket(url: string, protocol: string, events: SocketEvents): Socket {
  const socket = new WebSocket(url, protocol);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => events.open();
  socket.onmessage = (event: MessageEvent<unknown>) => {
    if (typeof event.data === "string") events.text(event.data);
    else if (event.data instanceof ArrayBuffer) events.binary(new Uint8Array(event.data));
  };
  socket.onclose = (event) => events.closed(event.code);
  return { send: (text) => socket.send(text), close: (code) => socket.close(code) };
}

/** Where the browser tells of another way to the network (Chromium); elsewhere ICE itself notices. */
interface NavigatorWithConnection {
  readonly connection?: EventTarget;
}

function deviceSigns(): DeviceSigns {
  const visible = new Cell(true);
  const network = new Cell(true);
  const path = new Cell(0);
  if (typeof document !== "undefined") {
    const look = (): void => visible.set(document.visibilityState !== "hidden");
    document.addEventListener("visibilitychange", look);
    look();
  }
  if (typeof window !== "undefined") {
    network.set(navigator.onLine);
    window.addEventListener("online", () => network.set(true));
    window.addEventListener("offline", () => network.set(false));
    const moved = (): void => path.set(path.get() + 1);
    window.addEventListener("online", moved);
    (navigator as NavigatorWithConnection).connection?.addEventListener("change", moved);
  }
  return { visible, network, path };
}
