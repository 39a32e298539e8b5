/**
 * The check before watching or going live: facts, each as soon as it is known. What they mean for a person is
 * said by whoever shows them.
 */
import type { CheckApi, CheckFacts, WeiquanOptions } from "../api.js";
import { environment } from "../environment.js";
import { Cell, type Readable } from "../readable.js";
import { codecs, device, sound } from "./browser.js";
import { checkMedia, checkPoint, checkSocket, checkUpload } from "./line.js";

const NOTHING_YET: CheckFacts = {
  secure: false,
  socket: null,
  media: null,
  publish: null,
  upload: null,
  plays: null,
  sends: null,
  sound: null,
  camera: null,
  microphone: null,
  done: false,
};

export class Check implements CheckApi {
  readonly #env: ReturnType<typeof environment>;
  readonly #facts: Cell<CheckFacts>;
  #stopped = false;

  constructor(options: WeiquanOptions) {
    this.#env = environment(options);
    this.#facts = new Cell({ ...NOTHING_YET, secure: globalThis.isSecureContext ?? false });
  }

  get facts(): Readable<CheckFacts> {
    return this.#facts;
  }

  async run(): Promise<void> {
    const env = this.#env;
    this.#know({ plays: codecs("RTCRtpReceiver"), sends: codecs("RTCRtpSender") });
    const point = checkPoint(env);
    await Promise.all([
      checkSocket(env).then((socket) => this.#know({ socket })),
      point.then((it) => checkMedia(env, it?.sdp, it?.tcp_sdp)).then((media) => this.#know({ media })),
      point
        .then((it) => checkMedia(env, it?.publish_sdp, it?.publish_tcp_sdp))
        .then((publish) => this.#know({ publish })),
      sound().then((it) => this.#know({ sound: it })),
      device("camera").then((camera) => this.#know({ camera })),
      device("microphone").then((microphone) => this.#know({ microphone })),
    ]);
    // After the round trips, which it would lengthen.
    if (!this.#stopped) this.#know({ upload: await checkUpload(env) });
    this.#know({ done: true });
  }

  stop(): void {
    this.#stopped = true;
  }

  #know(some: Partial<CheckFacts>): void {
    if (!this.#stopped) this.#facts.set({ ...this.#facts.get(), ...some });
  }
}
