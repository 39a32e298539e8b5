#!/usr/bin/env python3
"""Records testdata/trace.bin: the RTP packets of testdata/bunny.mp4, as FFmpeg sends them.

For load tests: real packet sizes in their real order and at their real times, without an encoder.
Each record is a `u32` of microseconds since the first packet, a `u16` length and a plain RTP packet
(RFC 3550), all little-endian; H264 has payload type 108 and Opus 111. Parameter sets stand before
each keyframe. Needs PyAV.

    tests/tools/make_trace.py testdata/bunny.mp4 testdata/trace.bin
"""

import argparse
import os
import select
import socket
import struct
import sys
import tempfile
import threading
import time

import av

PAYLOAD_TYPES = {"video": 108, "audio": 111}
# As FFmpeg's WHIP muxer makes them.
PACKET_BYTES = 1200


class Recorder(threading.Thread):
    """Two UDP sockets and what came in on them, in order of arrival."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sockets = {}
        for kind in PAYLOAD_TYPES:
            taker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            taker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            taker.bind(("127.0.0.1", 0))
            self.sockets[kind] = taker
        self.packets = []
        self.done = threading.Event()

    def run(self):
        takers = list(self.sockets.values())
        while True:
            ready, _, _ = select.select(takers, [], [], 0.2)
            if not ready and self.done.is_set():
                return
            for taker in ready:
                packet = taker.recv(2048)
                # RTCP comes on the same port (rtcp-mux): types 200 to 204 are not media.
                if packet[1] not in range(200, 205):
                    self.packets.append((time.monotonic(), packet))


def annexb(source, folder):
    """A copy with parameter sets in the stream before each keyframe, as MPEG-TS wants it."""
    path = os.path.join(folder, "source.ts")
    with av.open(source) as container, av.open(path, "w", format="mpegts") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in container.streams}
        for packet in container.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                out.mux_one(packet)
    return path


def record(source):
    recorder = Recorder()
    recorder.start()
    with av.open(source) as container:
        outs, streams = [], {}
        for stream in container.streams:
            port = recorder.sockets[stream.type].getsockname()[1]
            url = f"rtp://127.0.0.1:{port}?rtcpport={port}&pkt_size={PACKET_BYTES}"
            options = {"payload_type": str(PAYLOAD_TYPES[stream.type])}
            out = av.open(url, "w", format="rtp", options=options)
            streams[stream.index] = (out, out.add_stream_from_template(stream))
            outs.append(out)
        began = time.monotonic()
        first = None
        for packet in container.demux():
            if packet.dts is None:
                continue
            at = float(packet.dts * packet.time_base)
            first = at if first is None else first
            time.sleep(max(0, began + at - first - time.monotonic()))
            out, packet.stream = streams[packet.stream.index]
            out.mux_one(packet)
        for out in outs:
            out.close()
    recorder.done.set()
    recorder.join()
    return recorder.packets


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("source")
    words.add_argument("target")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="trace-") as folder:
        packets = record(annexb(given.source, folder))
    begin = packets[0][0]
    with open(given.target, "wb") as out:
        for at, packet in packets:
            out.write(struct.pack("<IH", int((at - begin) * 1_000_000), len(packet)) + packet)
    print(f"{len(packets)} packets in {packets[-1][0] - begin:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
