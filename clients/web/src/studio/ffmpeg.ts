/** The exact command line for FFmpeg's WHIP muxer (FFmpeg 8). Pure. */

/** A keyframe each second at 30 frames, no B-frames: what a viewer needs to start at once. */
export function publishCommand(address: string, key: string): string {
  return [
    "ffmpeg -re -stream_loop -1 -i input.mp4",
    "-c:v libx264 -preset veryfast -tune zerolatency -profile:v baseline -pix_fmt yuv420p",
    "-r 30 -g 30 -keyint_min 30 -sc_threshold 0 -bf 0 -b:v 2500k -maxrate 2500k -bufsize 2500k",
    "-c:a libopus -ar 48000 -ac 2 -b:a 96k",
    `-f whip -authorization ${key}`,
    address,
  ].join(" \\\n  ");
}
