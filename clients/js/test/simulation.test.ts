/**
 * Seeded storms: two writers, lines that break at any moment, frames lost, doubled and named as
 * gaps, a page that reloads. When the storm is over, what the client shows must be what the log
 * holds: every word once, in order, in its latest form.
 */
import { expect, it } from "vitest";
import { type Faults, latest, NO_FAULTS, OTHER, type Planted } from "./fake-server.js";
import { World } from "./world.js";

const SEEDS = 60;
const STEPS = 150;

const STORM: Faults = { loseEv: 0.1, doubleEv: 0.1, namedGap: 0.03, busy: 0.1, cutOnPub: 0.15 };

class Storm {
  readonly world: World;
  readonly said: string[] = [];
  readonly #random: () => number;

  constructor(seed: number, faults: Faults, planted: Planted | null = null) {
    this.world = new World(seed);
    this.world.server.planted = planted;
    this.#random = this.world.random;
    this.world.server.faults = faults;
  }

  async run(): Promise<void> {
    await this.world.inLobby();
    for (let step = 0; step < STEPS; step++) {
      await this.#step(step);
      // Mostly faster than anything can settle, and now and then long enough to notice a dead line.
      await this.world.clock.advance(this.#upTo(this.#random() < 0.15 ? 20_000 : 400));
    }
    this.world.server.faults = NO_FAULTS;
    this.world.server.down = false;
    await this.world.clock.advance(60_000);
    // The last frame of a storm may be a lost one: the next one tells.
    this.world.server.say("lobby", "the storm is over");
    await this.world.clock.advance(1_000);
    for (let gap = this.world.view.gaps[0]; gap; gap = this.world.view.gaps[0]) {
      const fetched = this.#room.fetchGap(gap);
      await this.world.clock.advance(50);
      await fetched;
    }
    while (!this.world.view.atStart) {
      const older = this.#room.older();
      await this.world.clock.advance(50);
      await older;
    }
  }

  get #room() {
    return this.world.client.room("lobby");
  }

  async #step(step: number): Promise<void> {
    const { server } = this.world;
    const log = server.room("lobby").log;
    const dice = this.#random();
    if (dice < 0.35) {
      const text = `mine ${step}`;
      this.said.push(text);
      this.#room.send(text);
    } else if (dice < 0.6) {
      server.say("lobby", `other ${step}`);
    } else if (dice < 0.68) {
      const own = this.world.view.messages.filter((it) => it.mine && it.seq !== null && !it.deleted);
      const it = own[this.#upTo(own.length)];
      if (it?.seq)
        this.#random() < 0.7 ? this.#room.edit(it.seq, `edited ${step}`) : this.#room.remove(it.seq);
    } else if (dice < 0.76 && log.length > 0) {
      const of = log[this.#upTo(log.length)];
      if (of?.k === "msg" && of.u.id === OTHER.id) {
        server.record("lobby", { u: OTHER, k: "edit", b: { of: of.s, text: `edited by other ${step}` } });
      }
    } else if (dice < 0.84) {
      server.cutAll();
    } else if (dice < 0.87) {
      server.down = !server.down;
      if (server.down) server.cutAll();
    } else if (dice < 0.89) {
      for (const line of server.open) line.silent = true;
    } else if (dice < 0.9) {
      await this.world.reload();
      this.#room.join();
    } else if (dice < 0.96) {
      void this.#room.older().catch(() => {});
    } else {
      // Long enough away that a resume has a gap.
      server.down = true;
      server.cutAll();
      for (let n = 0; n < 45; n++) server.say("lobby", `missed ${step}.${n}`);
      server.down = false;
    }
  }

  #upTo(n: number): number {
    return Math.floor(this.#random() * n);
  }
}

async function check(seed: number, faults: Faults, planted: Planted | null = null): Promise<void> {
  const storm = new Storm(seed, faults, planted);
  await storm.run();
  const { view, server } = storm.world;
  const room = server.room("lobby");
  const log = room.log.map((it) => latest(room, it)).filter((it) => it.k === "msg");
  const shown = view.messages.map(({ seq, text, deleted, edited }) => ({ seq, text, deleted, edited }));
  const truth = log.map(({ s, b }) => ({
    seq: s,
    text: b.text,
    deleted: b.deleted,
    edited: (b.edits ?? 0) > 0,
  }));
  expect(shown, `seed ${seed}: shown`).toEqual(truth);
  expect(new Set(view.messages.map((it) => it.key)).size, `seed ${seed}: keys`).toBe(view.messages.length);
  expect(view.messages.every((it) => it.delivery.state === "sent" && it.change === null)).toBe(true);
  const me = view.me?.id;
  const mine = room.log
    .filter((it) => it.k === "msg" && it.u.id === me)
    .map((it) => it.k === "msg" && it.b.text);
  expect([...mine].sort(), `seed ${seed}: each word of mine once`).toEqual([...storm.said].sort());
  expect(await storm.world.storage.keys("outbox/"), `seed ${seed}: outbox`).toEqual([]);
}

it(`shows the log, every word once and in order, after ${SEEDS} storms of ${STEPS} steps`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) await check(seed, STORM);
});

it("keeps the order of writing where nothing is refused", async () => {
  for (let seed = 100; seed < 120; seed++) {
    const storm = new Storm(seed, { ...STORM, busy: 0 });
    await storm.run();
    const { server, view } = storm.world;
    const mine = server.room("lobby").log.filter((it) => it.k === "msg" && it.u.id === view.me?.id);
    expect(
      mine.map((it) => it.k === "msg" && it.b.text),
      `seed ${seed}`,
    ).toEqual(storm.said);
  }
});

it.each<Planted>(["client_id_forgotten", "resume_off_by_one", "ack_before_disk", "order_differs"])(
  "notices a server with the fault %s",
  async (planted) => {
    await expect(check(1, STORM, planted)).rejects.toThrow();
  },
);
