#!/usr/bin/env python3
"""Publishes a file by WHIP, in a loop and in real time, as FFmpeg does it.

    whip_publish.py URL FILE [--token KEY] [--seconds N] [--video-only | --audio-only] [--p256] [--gop N]

FFmpeg's own WHIP muxer sends (PyAV carries it: pip install av==18.1.0). The file's packets are
copied, not encoded again: H264 without B-frames and Opus. With --gop the pictures are encoded anew
first, with a keyframe every so many of them. The DTLS certificate is the one that FFmpeg
makes itself (P-224 with GnuTLS); with --p256 it is one made here, as other encoders have.

SIGTERM and SIGINT end it with a goodbye (DELETE). Prints one line when it is connected and one at
the end. Exit codes: 0 published until told to stop, 1 the server or the network failed, 2 wrong
arguments or file.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from fractions import Fraction

import av
import av.error

stopped = False


def stop(_signal, _frame):
    global stopped
    stopped = True


def make_certificate(folder):
    """A key and a certificate by OpenSSL: ECDSA on P-256, which every WebRTC peer knows."""
    key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-days", "7", "-subj", "/CN=whip", "-keyout", key, "-out", certificate],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return key, certificate


class Source:
    """The packets of a file for ever, with timestamps that go on from round to round."""

    def __init__(self, path, kinds):
        self.container = av.open(path)
        self.streams = [s for s in self.container.streams if s.type in kinds]
        if not self.streams:
            raise ValueError(f"{path} has no {' or '.join(kinds)}")
        # A round lasts as long as its video, so that pictures go on evenly; with sound alone as
        # long as the sound. Sound that does not fit the round is left out.
        leader = next((s for s in self.streams if s.type == "video"), self.streams[0])
        self.round = Fraction(leader.duration) * leader.time_base

    def packets(self):
        begin = Fraction(0)
        while True:
            self.container.seek(0)
            # A seek to the beginning may land before it (Opus has a pre-skip).
            for packet in self.container.demux(self.streams):
                if packet.dts is None or packet.size == 0:
                    continue
                at = packet.dts * packet.time_base
                if at < 0 or at >= self.round:
                    continue
                ticks = int(begin / packet.time_base)
                packet.pts += ticks
                packet.dts += ticks
                yield begin + at, packet
            begin += self.round


def encode_again(path, gop, folder):
    """The film's pictures, often enough for one keyframe every `gop` of them. Without sound."""
    target = os.path.join(folder, "film.mp4")
    with av.open(target, "w") as out:
        options = {"preset": "ultrafast", "tune": "zerolatency", "sc_threshold": "0"}
        options["g"] = options["keyint_min"] = str(gop)
        encoder, pictures = None, 0
        while pictures < gop:
            with av.open(path) as source:
                video = source.streams.video[0]
                if encoder is None:
                    encoder = out.add_stream("libx264", rate=video.average_rate, options=options)
                    encoder.width, encoder.height = video.width, video.height
                    encoder.pix_fmt, encoder.bit_rate = "yuv420p", 1_000_000
                for frame in source.decode(video):
                    frame.pts, frame.time_base = pictures, 1 / encoder.average_rate
                    frame.pict_type = 0
                    out.mux(encoder.encode(frame))
                    pictures += 1
        out.mux(encoder.encode())
    return target


def publish(given, folder):
    kinds = {"video", "audio"}
    if given.video_only:
        kinds = {"video"}
    if given.audio_only:
        kinds = {"audio"}
    path = encode_again(given.file, given.gop, folder) if given.gop else given.file
    source = Source(path, kinds)
    options = {}
    if given.p256:
        options["key_file"], options["cert_file"] = make_certificate(folder)
    if given.token:
        options["authorization"] = given.token
    began = time.monotonic()
    with av.open(given.url, "w", format="whip", options=options) as out:
        outputs = {s.index: out.add_stream_from_template(s) for s in source.streams}
        out.start_encoding()
        connected = time.monotonic()
        print(f"connected after {1000 * (connected - began):.0f} ms", flush=True)
        packets = 0
        for at, packet in source.packets():
            if stopped or (given.seconds and at >= given.seconds):
                break
            wait = connected + float(at) - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            packet.stream = outputs[packet.stream.index]
            out.mux_one(packet)
            packets += 1
    print(f"sent {packets} packets", flush=True)


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("url")
    words.add_argument("file")
    words.add_argument("--token", help="the stream key")
    words.add_argument("--seconds", type=float, help="how long; without it until SIGTERM")
    words.add_argument("--p256", action="store_true", help="show a certificate on P-256")
    words.add_argument("--gop", type=int, help="encode anew, a keyframe every N pictures")
    only = words.add_mutually_exclusive_group()
    only.add_argument("--video-only", action="store_true")
    only.add_argument("--audio-only", action="store_true")
    given = words.parse_args()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if os.environ.get("WHIP_PUBLISH_LOG"):
        av.logging.set_level(av.logging.DEBUG)
        av.logging.restore_default_callback()
    with tempfile.TemporaryDirectory(prefix="whip-") as folder:
        try:
            publish(given, folder)
        except (FileNotFoundError, ValueError) as error:
            print(f"whip_publish: {error}", file=sys.stderr)
            return 2
        except av.error.FFmpegError as error:
            print(f"whip_publish: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
