/**
 * Gets one's own messages, edits and deletions through: in order, again after any doubt, by the same
 * client id, until the server said yes or a no that a person must read.
 *
 * It changes the room's state by events only, and keeps the outbox on disk in step.
 */
import type { Environment } from "../environment.js";
import { SENDING_MAX } from "../limits.js";
import type { Ack, Outcome, Refusal } from "../protocol/index.js";
import type { Link } from "../connection/link.js";
import type { Request } from "../connection/requests.js";
import type { Outbox } from "./outbox.js";
import type { RoomEvent, RoomState, Wish } from "./state.js";

/** A hiccup that is over so soon is not worth a person's attention. */
const SILENT_RETRY_MAX_MS = 2_000;
const SILENT_TRIES_MAX = 5;
const RETRY_DEFAULT_MS = 1_000;

export interface SenderRoom {
  state(): RoomState;
  fold(event: RoomEvent): void;
  /** The server forgot that one is here. */
  rejoin(): void;
}

export class Sender {
  readonly #env: Environment;
  readonly #link: Link;
  readonly #outbox: Outbox;
  readonly #room: SenderRoom;
  #heldUntil = 0;
  #cancel: () => void = () => {};

  constructor(env: Environment, link: Link, outbox: Outbox, room: SenderRoom) {
    this.#env = env;
    this.#link = link;
    this.#outbox = outbox;
    this.#room = room;
  }

  add(wish: Wish): void {
    this.#room.fold({ kind: "wished", wish });
    this.#keep(wish.cid);
    this.pump();
  }

  again(cid: string): void {
    this.#room.fold({ kind: "waiting", cid, tries: 0 });
    this.#keep(cid);
    this.pump();
  }

  drop(cid: string): void {
    this.#room.fold({ kind: "discarded", cid });
    void this.#outbox.drop(cid);
  }

  /** What waited for review is settled: on disk the outbox follows. */
  reviewed({ mine }: RoomState, of: number): void {
    const it = mine.find(({ state }) => state.kind === "held" && state.of === of);
    if (it === undefined) return;
    if (this.#room.state().mine.some(({ cid }) => cid === it.cid)) this.#keep(it.cid);
    else void this.#outbox.drop(it.cid);
  }

  /** Sends what waits, as far as it may. */
  pump(): void {
    const held = this.#heldUntil - this.#env.timers.now();
    if (held > 0) {
      this.#cancel();
      this.#cancel = this.#env.timers.after(held, () => this.pump());
      return;
    }
    for (;;) {
      const { live, number, mine } = this.#room.state();
      if (!live || number === null) return;
      const flying = mine.filter((it) => it.state.kind === "flying").length;
      const next = mine.find((it) => it.state.kind === "waiting");
      if (next === undefined || flying >= SENDING_MAX) return;
      this.#send(number, next);
    }
  }

  stop(): void {
    this.#cancel();
  }

  #send(number: number, wish: Wish): void {
    const { cid } = wish;
    if (wish.body.kind !== "pub" && wish.epoch !== this.#room.state().epoch) {
      // The log it names is gone; the same number is another message now.
      return this.#refused(cid, {
        code: "no_such_message",
        act: "none",
        say: "the message is no longer there",
      });
    }
    this.#room.fold({ kind: "flying", cid });
    this.#link.ask(requestOf(number, wish), (outcome) => this.#answered(cid, outcome));
  }

  #answered(cid: string, outcome: Outcome | null): void {
    const wish = this.#room.state().mine.find((it) => it.cid === cid);
    if (outcome === null) {
      if (wish?.state.kind === "flying") this.#room.fold({ kind: "waiting", cid, tries: wish.tries });
    } else if ("ok" in outcome) {
      this.#room.fold({ kind: "acked", cid, ack: outcome.ok as Ack, now: this.#env.now() });
      // What waits for review is asked for again by the next page, which then hears what became of it.
      if ((outcome.ok as Ack).v !== "held") void this.#outbox.drop(cid);
    } else if (wish !== undefined) {
      this.#no(wish, outcome.err);
    }
    this.pump();
  }

  #no(wish: Wish, why: Refusal): void {
    const { cid, tries } = wish;
    const patient = tries < SILENT_TRIES_MAX;
    const ms = why.ms ?? RETRY_DEFAULT_MS;
    if (why.act === "retry" && patient && ms <= SILENT_RETRY_MAX_MS) {
      this.#heldUntil = Math.max(this.#heldUntil, this.#env.timers.now() + ms);
      this.#room.fold({ kind: "waiting", cid, tries: tries + 1 });
    } else if (why.act === "reauth" && patient) {
      this.#room.fold({ kind: "waiting", cid, tries: tries + 1 });
      this.#link.reauth();
    } else if (why.act === "resync" && patient) {
      this.#room.fold({ kind: "waiting", cid, tries: tries + 1 });
      this.#room.rejoin();
    } else {
      this.#refused(cid, why);
    }
  }

  #refused(cid: string, why: Refusal): void {
    this.#room.fold({ kind: "wish_refused", cid, why, now: this.#env.now() });
    this.#keep(cid);
  }

  #keep(cid: string): void {
    const { slug, mine } = this.#room.state();
    const wish = mine.find((it) => it.cid === cid);
    if (wish) void this.#outbox.save(slug, wish);
  }
}

function requestOf(a: number, { cid, body }: Wish): Request {
  switch (body.kind) {
    case "pub":
      return {
        op: "pub",
        a,
        cid,
        text: body.text,
        ...(body.re === undefined ? {} : { re: body.re }),
        ...(body.question ? { question: true } : {}),
        ...(body.card ? { card: body.card } : {}),
        ...(body.to ? { to: body.to.map((it) => it.id) } : {}),
      };
    case "edit":
      return { op: "edit", a, cid, of: body.of, text: body.text };
    case "delete":
      return { op: "delete", a, cid, of: body.of };
  }
}
