/** Pushes to this browser: whether they can be, are, and how to change that. */
import { app } from "../app/app.svelte";
import { spoken } from "../i18n/i18n.svelte";

export type PushState = "on" | "off" | "denied" | "unsupported";

export async function pushState(): Promise<PushState> {
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  return (await subscription()) ? "on" : "off";
}

/** Asks the browser, which asks the person: only ever on a tap. */
export async function pushOn(): Promise<PushState> {
  if ((await Notification.requestPermission()) !== "granted") return pushState();
  const registration = await navigator.serviceWorker.ready;
  const key = bytesOf(await app.client.pushKey());
  const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  await app.client.pushOn(made.toJSON(), spoken.language);
  return "on";
}

export async function pushOff(): Promise<PushState> {
  const made = await subscription();
  if (made) {
    await app.client.pushOff(made.endpoint);
    await made.unsubscribe();
  }
  return pushState();
}

async function subscription(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration();
  return (await registration?.pushManager.getSubscription()) ?? null;
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (it) => it.charCodeAt(0));
}
