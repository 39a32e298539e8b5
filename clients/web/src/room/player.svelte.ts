/**
 * The player's own state: sound, volume, picture's shape, full screen, picture in picture, casting.
 *
 * Browsers let a page play with sound only after a gesture. So it tries with sound where one was made,
 * falls back to silence, and says so (`needs`): one tap brings the sound. What the system paused (a call,
 * a phone that hid the page) goes on when the page is looked at again; what the person paused does not.
 */
export type Needs = "nothing" | "sound" | "play";

const VOLUME = "weiquan.volume";

function keptVolume(): number {
  try {
    const kept = Number(localStorage.getItem(VOLUME) ?? 1);
    return kept >= 0 && kept <= 1 ? kept : 1;
  } catch {
    return 1;
  }
}

interface ApplesVideo extends HTMLVideoElement {
  webkitEnterFullscreen?(): void;
}

export class Player {
  #video: HTMLVideoElement | undefined;
  muted = $state(true);
  volume = $state(keptVolume());
  needs = $state<Needs>("nothing");
  ratio = $state(16 / 9);
  fullscreen = $state(false);
  inPip = $state(false);
  casting = $state(false);
  /** It runs: neither the person nor the system paused it. */
  running = $state(false);
  /** It ran since it was last without a stream: the system may show it. */
  begun = $state(false);
  /** When the first picture was presented, or the first sound played, on the page's clock; 0 before. */
  firstAt = 0;
  #pausedByPerson = false;
  readonly pipOffered = typeof document !== "undefined" && document.pictureInPictureEnabled === true;
  /** Once the person asked for sound, a new stream comes with sound. */
  #wanted = navigator.userActivation?.hasBeenActive ?? false;

  attach(video: HTMLVideoElement): () => void {
    this.#video = video;
    const stop = new AbortController();
    const on = (name: string, run: () => void): void => video.addEventListener(name, run, { signal: stop.signal });
    on("resize", () => {
      if (video.videoWidth > 0) this.ratio = video.videoWidth / video.videoHeight;
    });
    on("enterpictureinpicture", () => (this.inPip = true));
    on("leavepictureinpicture", () => (this.inPip = false));
    on("playing", () => {
      this.running = this.begun = true;
      this.firstAt ||= performance.now();
    });
    video.requestVideoFrameCallback?.((now) => (this.firstAt = now));
    on("pause", () => {
      this.running = false;
      if (video.srcObject) this.needs = "play";
    });
    // A screen that plays it for the page (where the browser can cast what is live).
    const screen = video.remote;
    screen?.addEventListener("connect", () => (this.casting = true), { signal: stop.signal });
    screen?.addEventListener("disconnect", () => (this.casting = false), { signal: stop.signal });
    document.addEventListener("visibilitychange", () => void this.#goOn(), { signal: stop.signal });
    document.addEventListener("fullscreenchange", () => (this.fullscreen = document.fullscreenElement !== null), {
      signal: stop.signal,
    });
    return () => {
      stop.abort();
      video.srcObject = null;
      this.#video = undefined;
    };
  }

  async show(stream: MediaStream | undefined): Promise<void> {
    const video = this.#video;
    if (!video || video.srcObject === (stream ?? null)) return;
    video.srcObject = stream ?? null;
    if (stream) await this.#play(this.#wanted);
    else this.running = this.begun = false;
  }

  /** Somebody looks again. */
  async #goOn(): Promise<void> {
    const paused = document.visibilityState === "visible" && this.#video?.srcObject && this.#video.paused;
    if (paused && !this.#pausedByPerson) await this.#play(!this.muted);
  }

  /** The picture, for those who show it elsewhere. */
  get video(): HTMLVideoElement | undefined {
    return this.#video;
  }

  /** By a key of the system. What is live goes on behind it, and is there at once when it is played. */
  pause(): void {
    this.#pausedByPerson = true;
    this.#video?.pause();
  }

  async #play(withSound: boolean): Promise<void> {
    const video = this.#video;
    if (!video) return;
    this.#pausedByPerson = false;
    video.volume = this.volume;
    video.muted = !withSound;
    this.muted = !withSound;
    try {
      await video.play();
      this.needs = withSound ? "nothing" : "sound";
    } catch (error) {
      // A newer stream took its place: that one's own call answers.
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (withSound) await this.#play(false);
      else this.needs = "play";
    }
  }

  /** The person's tap. */
  async listen(): Promise<void> {
    this.#wanted = true;
    await this.#play(true);
  }

  toggleSound(): void {
    if (!this.#video) return;
    if (this.muted) void this.listen();
    else {
      this.#wanted = false;
      this.muted = true;
      this.#video.muted = true;
    }
  }

  setVolume(volume: number): void {
    this.volume = volume;
    if (this.#video) this.#video.volume = volume;
    if (volume > 0 && this.muted) void this.listen();
    try {
      localStorage.setItem(VOLUME, String(volume));
    } catch {
      // It holds until the page is closed.
    }
  }

  async toggleFullscreen(stage: HTMLElement): Promise<void> {
    if (document.fullscreenElement) return document.exitFullscreen();
    if (stage.requestFullscreen) return stage.requestFullscreen();
    // An iPhone has full screen for the video alone.
    (this.#video as ApplesVideo | undefined)?.webkitEnterFullscreen?.();
  }

  async togglePip(): Promise<void> {
    if (document.pictureInPictureElement) await document.exitPictureInPicture();
    else await this.#video?.requestPictureInPicture();
  }
}
