/** WebRTC without a network: a connection whose state and statistics a test sets. */
import type { Entry } from "../src/media/stats.js";

export class FakeTrack {
  readonly kind: string;
  contentHint = "";
  height = 480;

  constructor(kind: string) {
    this.kind = kind;
  }

  getSettings(): { height: number } {
    return { height: this.height };
  }
}

export class FakeStream {
  readonly tracks: FakeTrack[];

  constructor(tracks: FakeTrack[] = []) {
    this.tracks = tracks;
  }

  addTrack(track: FakeTrack): void {
    this.tracks.push(track);
  }

  getVideoTracks(): FakeTrack[] {
    return this.tracks.filter((it) => it.kind === "video");
  }

  getAudioTracks(): FakeTrack[] {
    return this.tracks.filter((it) => it.kind === "audio");
  }
}

export function sourceOf(...kinds: string[]): MediaStream {
  return new FakeStream(kinds.map((it) => new FakeTrack(it))) as unknown as MediaStream;
}

class FakeSender {
  track: FakeTrack | null;
  parameters: RTCRtpSendParameters = {
    transactionId: "",
    encodings: [{}],
    codecs: [],
    headerExtensions: [],
    rtcp: {},
  };

  constructor(track: FakeTrack | null) {
    this.track = track;
  }

  getParameters(): RTCRtpSendParameters {
    return structuredClone(this.parameters);
  }

  async setParameters(parameters: RTCRtpSendParameters): Promise<void> {
    this.parameters = parameters;
  }

  async replaceTrack(track: FakeTrack): Promise<void> {
    this.track = track;
  }
}

interface FakeTransceiver {
  direction: string;
  currentDirection: string;
  receiver: { track: FakeTrack };
  sender: FakeSender;
}

export class FakePeer {
  /** What it was made with. */
  iceServers: RTCIceServer[] = [];
  connectionState = "new";
  onconnectionstatechange: (() => void) | null = null;
  ontrack: ((event: { track: FakeTrack }) => void) | null = null;
  closed = false;
  local = "";
  remote = "";
  /** Names of ICE so far: each restart has another. */
  #names = 1;
  #told = false;
  /** Media comes. */
  flowing = true;
  #bytes = 0;
  readonly transceivers: FakeTransceiver[] = [];

  addTransceiver(
    of: string | FakeTrack,
    { direction, sendEncodings }: { direction: string; sendEncodings?: RTCRtpEncodingParameters[] },
  ): FakeTransceiver {
    const track = typeof of === "string" ? null : of;
    const receiver = { track: new FakeTrack(typeof of === "string" ? of : of.kind) };
    const made = { direction, currentDirection: direction, receiver, sender: new FakeSender(track) };
    if (sendEncodings) made.sender.parameters.encodings = sendEncodings;
    this.transceivers.push(made);
    return made;
  }

  get remoteDescription(): { sdp: string } {
    return { sdp: this.remote };
  }

  async createOffer({ iceRestart = false } = {}): Promise<{ sdp: string }> {
    if (iceRestart) this.#names += 1;
    const ice = `a=mid:0\r\na=ice-ufrag:mine${this.#names}\r\na=ice-pwd:secret${this.#names}\r\n`;
    const kinds = this.transceivers.map((it) => `m=${it.receiver.track.kind}\r\na=${it.direction}\r\n`);
    return { sdp: `v=0\r\n${kinds.join("")}${ice}a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\n` };
  }

  async setLocalDescription({ sdp }: { sdp: string }): Promise<void> {
    this.local = sdp;
  }

  async setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    this.remote = sdp;
    if (this.#told) return;
    this.#told = true;
    for (const it of this.transceivers) {
      if (it.direction === "recvonly") this.ontrack?.({ track: it.receiver.track });
    }
    this.connectionState = "connecting";
  }

  getTransceivers(): FakeTransceiver[] {
    return this.transceivers;
  }

  getSenders(): FakeSender[] {
    return this.transceivers.map((it) => it.sender);
  }

  async getStats(): Promise<Map<string, Entry>> {
    if (this.flowing) this.#bytes += 1_000;
    return new Map([["v", { id: "v", type: "inbound-rtp", kind: "video", bytesReceived: this.#bytes }]]);
  }

  become(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  close(): void {
    this.closed = true;
    this.connectionState = "closed";
  }
}
