/** Offers and answers over the one connection, and who is told when a peer ends. */
import type { Link } from "../connection/link.js";
import type { Answered, PeerEnd, PeerRole } from "../protocol/index.js";
import { Refused, Unreachable } from "../refused.js";

export class Signalling {
  readonly #link: Link;
  readonly #peers = new Map<string, (why: PeerEnd) => void>();

  constructor(link: Link) {
    this.#link = link;
  }

  /** `ended` may be called from the moment the answer came, before the promise is looked at. */
  offer(room: number, role: PeerRole, sdp: string, ended: (why: PeerEnd) => void): Promise<Answered> {
    return new Promise((resolve, reject) => {
      this.#link.ask({ op: "offer", a: room, role, sdp }, (outcome) => {
        if (outcome === null) return reject(new Unreachable("the answer was lost"));
        if ("err" in outcome) return reject(new Refused(outcome.err));
        const answered = outcome.ok as Answered;
        this.#peers.set(answered.peer, ended);
        resolve(answered);
      });
    });
  }

  /** The peer is no longer wanted. Where the connection is lost, its silence tells the server. */
  close(peer: string): void {
    this.#peers.delete(peer);
    this.#link.ask({ op: "close", peer }, () => {});
  }

  /** A new connection: the server ended the peers of the one before, whether we heard it or not. */
  renewed(): void {
    for (const peer of [...this.#peers.keys()]) this.ended(peer, "closed");
  }

  /** The server said that a peer ended. */
  ended(peer: string, why: PeerEnd): void {
    const tell = this.#peers.get(peer);
    this.#peers.delete(peer);
    tell?.(why);
  }
}
