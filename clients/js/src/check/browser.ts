/** What this browser can and may do. Every question has an answer where a browser does not know it: nothing. */
import type { CheckedDevice } from "../api.js";

/** Names of codecs without their variants, each once; what only repairs or carries others is none. */
export function codecs(of: "RTCRtpReceiver" | "RTCRtpSender"): string[] {
  const able: { getCapabilities?(kind: string): RTCRtpCapabilities | null } | undefined = globalThis[of];
  if (able?.getCapabilities === undefined) return [];
  const names = (["video", "audio"] as const).flatMap((kind) =>
    (able.getCapabilities?.(kind)?.codecs ?? []).map((it) => it.mimeType.split("/")[1] ?? ""),
  );
  const carriers = /^(rtx|red|ulpfec|flexfec-03|telephone-event|CN)$/i;
  return [...new Set(names)].filter((it) => it !== "" && !carriers.test(it));
}

/** Whether sound may begin before anybody touched the page. */
export async function sound(): Promise<"at_once" | "after_tap"> {
  if (globalThis.AudioContext === undefined) return "after_tap";
  const context = new AudioContext();
  try {
    // A context that may not start stays as it is, and says so without an error.
    if (context.state !== "running") await Promise.race([context.resume(), later(200)]);
    return context.state === "running" ? "at_once" : "after_tap";
  } finally {
    await context.close();
  }
}

/** Cameras or microphones: how many, and whether the page may use them. It asks for nothing. */
export async function device(kind: "camera" | "microphone"): Promise<CheckedDevice> {
  const input = kind === "camera" ? "videoinput" : "audioinput";
  const all = (await globalThis.navigator?.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  const permission = await globalThis.navigator?.permissions
    ?.query({ name: kind })
    .then((it) => it.state)
    .catch(() => undefined);
  return { count: all.filter((it) => it.kind === input).length, permission: permission ?? "unknown" };
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
