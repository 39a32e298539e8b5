/**
 * The studio's sources: camera and microphone, screen, a video file. Browser only.
 *
 * Errors are the browser's own (`NotAllowedError`, `NotFoundError` …): their names say what a person
 * can do.
 */
import type { CameraOptions, Device, Source, SourceKind } from "../api.js";
import { Cell } from "../readable.js";

/** A 720p picture is what the default bitrate carries well. */
const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const SOUND = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export async function devices(): Promise<Device[]> {
  const all = await navigator.mediaDevices.enumerateDevices();
  return all.flatMap(({ kind, deviceId, label }): Device[] => {
    if (kind === "videoinput") return [{ id: deviceId, kind: "camera", label }];
    if (kind === "audioinput") return [{ id: deviceId, kind: "microphone", label }];
    return [];
  });
}

export async function openCamera({ camera = true, microphone = true }: CameraOptions = {}): Promise<Source> {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: chosen(camera, PICTURE),
    audio: chosen(microphone, SOUND),
  });
  return sourceOf(
    "camera",
    stream,
    stream.getVideoTracks()[0]?.label ?? stream.getAudioTracks()[0]?.label ?? "",
  );
}

/** The screen, a window or a tab, with its sound where the browser shares it. */
export async function openScreen(): Promise<Source> {
  const stream = await navigator.mediaDevices.getDisplayMedia({
    video: { frameRate: { ideal: 30 } },
    audio: true,
  });
  return sourceOf("screen", stream, stream.getVideoTracks()[0]?.label ?? "");
}

interface Capturable extends HTMLVideoElement {
  captureStream?(): MediaStream;
  mozCaptureStream?(): MediaStream;
}

/** Plays a file in a loop, unheard here, and gives what it shows. */
export async function openFile(file: File): Promise<Source> {
  const video: Capturable = document.createElement("video");
  const address = URL.createObjectURL(file);
  video.src = address;
  video.loop = true;
  video.muted = true;
  video.playsInline = true;
  try {
    await video.play();
    const stream = video.captureStream?.() ?? video.mozCaptureStream?.();
    if (!stream) throw new DOMException("this browser cannot publish a file", "NotSupportedError");
    const source = sourceOf("file", stream, file.name);
    return { ...source, stop: () => (source.stop(), letGo()) };
  } catch (error) {
    letGo();
    throw error;
  }

  function letGo(): void {
    video.pause();
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(address);
  }
}

function sourceOf(kind: SourceKind, stream: MediaStream, label: string): Source {
  const ended = new Cell(false);
  const tracks = stream.getTracks();
  const look = (): void => ended.set(tracks.every((it) => it.readyState === "ended"));
  for (const track of tracks) track.addEventListener("ended", look);
  const stop = (): void => {
    for (const track of tracks) {
      track.removeEventListener("ended", look);
      track.stop();
    }
  };
  return { kind, stream, label, ended, stop };
}

function chosen(wish: string | boolean, basis: MediaTrackConstraints): MediaTrackConstraints | boolean {
  if (wish === false) return false;
  return wish === true ? basis : { ...basis, deviceId: { exact: wish } };
}
