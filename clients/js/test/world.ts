/** A client and a fake server on one hand-turned clock. */
import {
  Cell,
  MemoryStorage,
  type PeerFactory,
  type RoomView,
  type SocketFactory,
  Weiquan,
} from "../src/index.js";
import { HandClock, seeded } from "./clock.js";
import { FakeServer } from "./fake-server.js";

export class World {
  readonly clock = new HandClock();
  readonly random: () => number;
  readonly server: FakeServer;
  readonly storage = new MemoryStorage();
  readonly visible = new Cell(true);
  readonly network = new Cell(true);
  readonly path = new Cell(0);
  /** What `compress` answers. */
  compress = false;
  dial: SocketFactory = (...args) => this.server.socket(...args);
  client: Weiquan;

  readonly #peer: PeerFactory | undefined;

  constructor(seed = 1, peer?: PeerFactory) {
    this.#peer = peer;
    this.random = seeded(seed);
    this.server = new FakeServer(this.clock, seeded(seed + 1));
    this.client = this.open();
  }

  /** A page of this device. */
  open(): Weiquan {
    return new Weiquan({
      base: "https://live.example.org/",
      compress: () => this.compress,
      storage: this.storage,
      socket: (...args) => this.dial(...args),
      fetch: this.server.fetch,
      timers: this.clock,
      now: this.clock.unix,
      random: this.random,
      ...(this.#peer === undefined ? {} : { peer: this.#peer }),
      device: { visible: this.visible, network: this.network, path: this.path },
    });
  }

  /** The page goes away without a word, and comes back. */
  async reload(): Promise<void> {
    this.client.close();
    this.client = this.open();
    await this.client.me();
  }

  /** A guest in the lobby. */
  async inLobby(): Promise<void> {
    await this.client.beGuest("小明");
    this.client.room("lobby").join();
    await this.clock.advance(100);
  }

  get view(): RoomView {
    return this.client.room("lobby").view.get();
  }

  get texts(): string[] {
    return this.view.messages.map((it) => it.text);
  }

  get deliveries(): string[] {
    return this.view.messages.map((it) => it.delivery.state);
  }
}
