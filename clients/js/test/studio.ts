/** A page with WebRTC, in the lobby: what a test of watching and publishing starts from. */
import type { ClientFrame, Phase, StageState } from "../src/index.js";
import { FakePeer } from "./fake-peer.js";
import { World } from "./world.js";

/** Of every answer: a name for ICE, and sound. */
export const ANSWERED =
  "\r\na=ice-ufrag:ours1\r\na=ice-pwd:word1\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\n";
export const HERE: StageState = { here: true, video: true, audio: true };
export const AWAY: StageState = { here: false, video: false, audio: false };

/** A world with WebRTC, in the lobby, somebody publishing or not. */
export class Studio {
  readonly world: World;
  readonly peers: FakePeer[] = [];

  constructor() {
    const peer = ({ iceServers = [] }: RTCConfiguration): RTCPeerConnection => {
      const made = new FakePeer();
      made.iceServers = iceServers;
      this.peers.push(made);
      return made as unknown as RTCPeerConnection;
    };
    this.world = new World(1, peer);
  }

  async enter(stage: StageState): Promise<void> {
    this.world.server.media = (frame) => ({
      peer: `p${this.offers.length}`,
      sdp: `answer to ${frame.role}${ANSWERED}`,
    });
    await this.world.inLobby();
    this.broadcast("live");
    await this.stage(stage);
  }

  broadcast(phase: Phase): void {
    const host = { id: "m_1", name: "阿明", mark: "host" as const };
    this.world.server.push({ op: "state", a: 7, broadcast: { id: "b1", phase, title: "", host } });
  }

  async stage(stage: StageState): Promise<void> {
    this.world.server.push({ op: "state", a: 7, stage });
    await this.world.clock.advance(20);
  }

  get offers(): Extract<ClientFrame, { op: "offer" }>[] {
    return this.world.server.heard.filter((it) => it.op === "offer");
  }

  /** What was said of peers after their offers. */
  said<Op extends "restart" | "show" | "resume">(op: Op): Extract<ClientFrame, { op: Op }>[] {
    return this.world.server.heard.filter((it): it is Extract<ClientFrame, { op: Op }> => it.op === op);
  }

  get closes(): string[] {
    return this.world.server.heard.flatMap((it) => (it.op === "close" ? [it.peer] : []));
  }

  get last(): FakePeer {
    const last = this.peers.at(-1);
    if (!last) throw new Error("no peer was made");
    return last;
  }

  async connected(): Promise<void> {
    await this.world.clock.advance(20);
    this.last.become("connected");
  }
}
