/** How long to wait before the next try: full jitter, so that a crowd does not come back as one. */

export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_MAX_MS = 15_000;

/** A random time up to 0.5 s, 1 s, 2 s … 15 s. */
export function backoffMs(tries: number, random: () => number): number {
  const most = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(tries, 10));
  return Math.floor(random() * most);
}

/** What a close code asks for (`docs/PROTOCOL.md`, C3). Codes that are not ours come from the network. */
export function closeMeans(
  code: number,
): "reconnect" | "reauth" | "bad_frame" | "banned" | "replaced" | "version" {
  switch (code) {
    case 4500:
      return "reauth";
    case 4502:
      return "banned";
    case 4503:
      return "replaced";
    case 4504:
      return "version";
    default:
      // 4501 and what a newer server may add: 4500–4999 never reconnect.
      return code > 4500 && code < 5000 ? "bad_frame" : "reconnect";
  }
}
