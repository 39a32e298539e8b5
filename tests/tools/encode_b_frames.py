#!/usr/bin/env python3
"""Encodes a film's pictures as x264 does by default, with B-frames, and writes them to standard output.

    encode_b_frames.py FILE COUNT

FFmpeg's WHIP muxer refuses such a stream; encoders that people use do not. Each picture, in the order
of decoding: its time (u32, 90 kHz), its size (u32), both big-endian, then H264 with start codes.
"""

import struct
import sys

import av


def main():
    path, count = sys.argv[1], int(sys.argv[2])
    out, encoder, read = sys.stdout.buffer, None, 0
    with av.open(path) as film:
        video = film.streams.video[0]
        for frame in film.decode(video):
            if encoder is None:
                encoder = av.CodecContext.create("libx264", "w")
                encoder.width, encoder.height, encoder.pix_fmt = video.width, video.height, "yuv420p"
                encoder.bit_rate, encoder.time_base, encoder.framerate = 1_000_000, 1 / video.average_rate, video.average_rate
                encoder.options = {"preset": "veryfast", "bf": "2", "b-adapt": "0", "g": "25", "slices": "1"}
            frame.pts, frame.time_base, frame.pict_type = read, encoder.time_base, 0
            read += 1
            for packet in encoder.encode(frame):
                write(out, packet)
            if read == count:
                break
    for packet in encoder.encode(None):
        write(out, packet)


def write(out, packet):
    data = bytes(packet)
    out.write(struct.pack(">II", int(packet.pts * packet.time_base * 90_000), len(data)) + data)


main()
