/** The exact command lines for FFmpeg's WHIP muxer (FFmpeg 8). Pure. */

/** FFmpeg's own certificate is on P-224, which our DTLS does not take: one on P-256 is made once. */
export const certificateCommand = [
  "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes",
  '-days 3650 -subj "/CN=whip" -keyout whip-key.pem -out whip-cert.pem',
].join(" \\\n  ");

/** A keyframe each second at 30 frames, no B-frames: what a viewer needs to start at once. */
export function publishCommand(address: string, key: string): string {
  return [
    "ffmpeg -re -stream_loop -1 -i input.mp4",
    "-c:v libx264 -preset veryfast -tune zerolatency -profile:v baseline -pix_fmt yuv420p",
    "-r 30 -g 30 -keyint_min 30 -sc_threshold 0 -bf 0 -b:v 2500k -maxrate 2500k -bufsize 2500k",
    "-c:a libopus -ar 48000 -ac 2 -b:a 96k",
    "-f whip -cert_file whip-cert.pem -key_file whip-key.pem",
    `-authorization ${key}`,
    address,
  ].join(" \\\n  ");
}
