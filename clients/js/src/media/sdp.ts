/** The few words that are changed in an SDP, and the order of codecs. */

/**
 * Asks for sound in stereo. Chromium decodes Opus to one channel unless the description says so, even
 * where the sender has two, and encodes to one unless the answer does (RFC 7587 §7.1: the receiver's
 * wish, default 0).
 */
export function wantStereo(sdp: string): string {
  const opus = new Set([...sdp.matchAll(/^a=rtpmap:(\d+) opus\//gim)].map((it) => it[1]));
  return sdp.replace(
    /^a=fmtp:(\d+) (.*?)(\r?)$/gim,
    (line: string, type: string, words: string, end: string) =>
      opus.has(type) && !/\bstereo=/.test(words) ? `a=fmtp:${type} ${words};stereo=1${end}` : line,
  );
}

/**
 * Lets Chromium's encoder begin at a rate that shows something: by itself it begins at 300 kbit/s and
 * takes ten seconds to reach a sharp picture. Other browsers do not know the word and leave it.
 */
export function startAt(sdp: string, kbps: number): string {
  const h264 = new Set([...sdp.matchAll(/^a=rtpmap:(\d+) H264\//gim)].map((it) => it[1]));
  return sdp.replace(
    /^a=fmtp:(\d+) (.*?)(\r?)$/gim,
    (line: string, type: string, words: string, end: string) =>
      h264.has(type) ? `a=fmtp:${type} ${words};x-google-start-bitrate=${kbps}${end}` : line,
  );
}

/** Of a description, what a restart of ICE is about: a fragment as the server takes it (PROTOCOL W2). */
export function iceOf(sdp: string): string {
  const lines = [
    `a=ice-ufrag:${valueOf(sdp, "ice-ufrag")}`,
    `a=ice-pwd:${valueOf(sdp, "ice-pwd")}`,
    "m=video 9 UDP/TLS/RTP/SAVPF 0",
    `a=mid:${valueOf(sdp, "mid")}`,
  ];
  return `${lines.join("\r\n")}\r\n`;
}

/** An answer as it was, under the name and password of the server's fragment. */
export function withIce(answer: string, fragment: string): string {
  const renamed = (sdp: string, name: string): string =>
    sdp.replace(new RegExp(`^a=${name}:[^\\r\\n]*`, "gm"), `a=${name}:${valueOf(fragment, name)}`);
  return renamed(renamed(answer, "ice-ufrag"), "ice-pwd");
}

function valueOf(sdp: string, name: string): string {
  return new RegExp(`^a=${name}:([^\\r\\n]*)`, "m").exec(sdp)?.[1] ?? "";
}

interface CodecNamed {
  mimeType: string;
}

/** H264 first (every device decodes it, and the replay needs it); the rest stays, in its order. */
export function h264First<T extends CodecNamed>(codecs: readonly T[]): T[] {
  const isH264 = (it: T): boolean => it.mimeType.toLowerCase() === "video/h264";
  return [...codecs.filter(isH264), ...codecs.filter((it) => !isH264(it))];
}

/** A wish, not a demand: where the browser does not take it, its own order is good enough. */
export function preferH264(transceiver: RTCRtpTransceiver, way: "send" | "receive"): void {
  const kinds = way === "send" ? globalThis.RTCRtpSender : globalThis.RTCRtpReceiver;
  const codecs = kinds?.getCapabilities?.("video")?.codecs;
  if (!codecs || !("setCodecPreferences" in transceiver)) return;
  try {
    transceiver.setCodecPreferences(h264First(codecs));
  } catch {
    // Older browsers compare a sender's list with the receiver's and refuse it whole.
  }
}

interface Extensible {
  getHeaderExtensionsToNegotiate?: () => { uri: string; direction: string }[];
  setHeaderExtensionsToNegotiate?: (all: { uri: string; direction: string }[]) => void;
}

/**
 * Offers to take what a picture's packets say of the pictures that they need (PROTOCOL B20). Chromium decodes AV1 with
 * layers within one stream only by it, and does not offer it by itself.
 */
export function wantDescriptor(transceiver: Extensible): void {
  const all = transceiver.getHeaderExtensionsToNegotiate?.() ?? [];
  for (const it of all) if (it.uri.includes("dependency-descriptor")) it.direction = "sendrecv";
  transceiver.setHeaderExtensionsToNegotiate?.(all);
}
