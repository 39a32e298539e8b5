/** Offers and answers over the one connection, and who is told what becomes of a peer. */
import type { Link } from "../connection/link.js";
import type { OnAnswer, Request } from "../connection/requests.js";
import type { Answered, Outcome, PeerEnd, PeerRole, Restarted } from "../protocol/index.js";
import { Refused, Unreachable } from "../refused.js";

type Ok = Extract<Outcome, { ok: unknown }>;

/** What the owner of a peer hears. */
export interface PeerOwner {
  /** May come from the moment the answer came, before the promise is looked at. */
  ended(why: PeerEnd): void;
  /** Another connection to the server, and the peer goes on with it. */
  resumed(): void;
  /** The line does not carry the picture beside the sound, or does again (PROTOCOL B16). */
  held(held: boolean): void;
}

export class Signalling {
  readonly #link: Link;
  readonly #peers = new Map<string, PeerOwner>();

  constructor(link: Link) {
    this.#link = link;
  }

  /** Whether the server can be asked now. */
  get reaches(): boolean {
    return this.#link.isUp;
  }

  /** The media broke: is the connection to the server still there? */
  probe(): void {
    this.#link.awake();
  }

  /** `early`: right behind a join that was not answered yet, nor maybe the hello before it. */
  offer(room: number, role: PeerRole, sdp: string, owner: PeerOwner, early = false): Promise<Answered> {
    const read = (outcome: Ok): Answered => {
      const answered = outcome.ok as Answered;
      this.#peers.set(answered.peer, owner);
      return answered;
    };
    return this.#ask({ op: "offer", a: room, role, sdp }, read, early);
  }

  /** Another ICE session under the same media; both sides of it as fragments of SDP. */
  restart(peer: string, sdp: string): Promise<string> {
    return this.#ask({ op: "restart", peer, sdp }, (outcome) => (outcome.ok as Restarted).sdp);
  }

  /**
   * Whether a viewer is sent the picture, and how high it is shown. Where the answer is lost, `resumed`
   * says when to say it again.
   */
  show(peer: string, video: boolean, height?: number): void {
    this.#link.ask({ op: "show", peer, video, ...(height && { height }) }, () => {});
  }

  /** The peer is no longer wanted. Where the connection is lost, its silence tells the server. */
  close(peer: string): void {
    this.#peers.delete(peer);
    this.#link.ask({ op: "close", peer }, () => {});
  }

  /** What takes the peers of the connection before over to this one; they follow its hello. */
  resumes(): { request: Request; answer: OnAnswer }[] {
    return [...this.#peers.keys()].map((peer) => ({
      request: { op: "resume", peer },
      answer: (outcome) => {
        // Lost again: the next connection asks again.
        if (outcome === null) return;
        if ("err" in outcome) this.ended(peer, "closed");
        else this.#peers.get(peer)?.resumed();
      },
    }));
  }

  /** The server said that a viewer's picture is held back, or sent again. */
  held(peer: string, held: boolean): void {
    this.#peers.get(peer)?.held(held);
  }

  /** The server said that a peer ended. */
  ended(peer: string, why: PeerEnd): void {
    const owner = this.#peers.get(peer);
    this.#peers.delete(peer);
    owner?.ended(why);
  }

  /** `read` is called in the moment of the answer: the next frame may be about what it names. */
  #ask<T>(request: Request, read: (outcome: Ok) => T, early = false): Promise<T> {
    return new Promise((resolve, reject) => {
      const answer: OnAnswer = (outcome) => {
        if (outcome === null) return reject(new Unreachable("the answer was lost"));
        if ("err" in outcome) return reject(new Refused(outcome.err));
        resolve(read(outcome));
      };
      this.#link.ask(request, answer, early);
    });
  }
}
