/**
 * What the system shows of the broadcast (lock screen, headphones' keys, media hub): what, by whom, a
 * picture, and two acts. It is live, so there is nothing to seek in.
 */
export interface NowPlaying {
  title: string;
  host: string;
  circle: string;
  artwork: string;
}

export interface Acts {
  play(): void;
  pause(): void;
}

type Session = Pick<MediaSession, "metadata" | "playbackState" | "setActionHandler" | "setPositionState">;

const NOT_FOR_LIVE = ["seekbackward", "seekforward", "seekto", "previoustrack", "nexttrack"] as const;

/** Tells the system until the answer is called. Where there is no such thing it does nothing. */
export function tellSystem(
  playing: NowPlaying,
  acts: Acts,
  session: Session | undefined = navigator.mediaSession,
): () => void {
  if (!session) return () => {};
  const { title, host, circle, artwork } = playing;
  session.metadata = new MediaMetadata({ title, artist: host, album: circle, artwork: [{ src: artwork }] });
  endless(session);
  act(session, "play", () => acts.play());
  for (const name of ["pause", "stop"] as const) act(session, name, () => acts.pause());
  for (const name of NOT_FOR_LIVE) act(session, name, null);
  return () => {
    for (const name of ["play", "pause", "stop"] as const) act(session, name, null);
    session.playbackState = "none";
    session.metadata = null;
  };
}

/** Which of its two keys the system offers. */
export function tellRunning(running: boolean, session: Session | undefined = navigator.mediaSession): void {
  if (session) session.playbackState = running ? "playing" : "paused";
}

/** A browser that does not know an act throws. */
function act(session: Session, name: MediaSessionAction, run: (() => void) | null): void {
  try {
    session.setActionHandler(name, run);
  } catch {
    // It has no key for it either.
  }
}

/** Wide enough for a lock screen. */
const ARTWORK_WIDTH = 512;
const MARK = "/icon-512.png";

/** The picture as it is now; the app's mark where there is none. */
export function artworkOf(video: HTMLVideoElement | undefined): string {
  if (!video || video.videoWidth === 0) return MARK;
  const canvas = document.createElement("canvas");
  canvas.width = ARTWORK_WIDTH;
  canvas.height = Math.round((ARTWORK_WIDTH * video.videoHeight) / video.videoWidth);
  const drawing = canvas.getContext("2d");
  if (!drawing) return MARK;
  drawing.drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.8);
}

/** Without an end: the system shows "live" in place of a bar. Firefox takes finite lengths only, and then shows none. */
function endless(session: Session): void {
  try {
    session.setPositionState({ duration: Infinity, position: 0 });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}
