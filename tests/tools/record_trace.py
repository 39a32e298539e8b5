"""Records a real H264 + Opus stream as RTP packets with their times: the load test's publisher plays it.

usage: record_trace.py MEDIA OUT

FFmpeg (through PyAV) packs the file's packets as RTP, as its WHIP muxer does, in real time towards two loopback
ports. Each packet is kept as u32 microseconds, u16 length and its bytes, little-endian, with the payload types 108
(H264) and 111 (Opus).
"""

import socket
import struct
import sys
import threading
import time

import av

H264, OPUS = 108, 111


def receiver(payload_type, packets, begin, done):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.settimeout(0.2)

    def run():
        while not done.is_set():
            try:
                data = bytearray(sock.recv(2048))
            except TimeoutError:
                continue
            data[1] = (data[1] & 0x80) | payload_type
            packets.append((int((time.monotonic() - begin) * 1e6), bytes(data)))

    threading.Thread(target=run, daemon=True).start()
    return sock.getsockname()[1]


def main():
    media, out = sys.argv[1:3]
    packets, done, begin = [], threading.Event(), time.monotonic()
    source = av.open(media)
    outputs = {}
    for stream, payload_type in ((source.streams.video[0], H264), (source.streams.audio[0], OPUS)):
        port = receiver(payload_type, packets, begin, done)
        # 1200 bytes of payload at most, as browsers and FFmpeg's WHIP muxer send.
        container = av.open(f"rtp://127.0.0.1:{port}?pkt_size=1200", "w", format="rtp")
        outputs[stream.index] = (container, container.add_stream_from_template(stream))
    start = time.monotonic()
    for packet in source.demux(*[source.streams[i] for i in outputs]):
        if packet.dts is None:
            continue
        wait = start + float(packet.dts * packet.time_base) - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        container, stream = outputs[packet.stream.index]
        packet.stream = stream
        container.mux(packet)
    for container, _ in outputs.values():
        container.close()
    time.sleep(0.5)
    done.set()
    packets.sort(key=lambda it: it[0])
    first = packets[0][0]
    with open(out, "wb") as file:
        for at, data in packets:
            # RTCP of the muxer travels to the next port; anything else that is not RTP is left out.
            if data[0] >> 6 == 2 and not 192 <= data[1] <= 223:
                file.write(struct.pack("<IH", at - first, len(data)) + data)
    video = sum(len(it[1]) for it in packets if it[1][1] & 0x7F == H264)
    seconds = (packets[-1][0] - first) / 1e6
    print(f"{len(packets)} packets, {seconds:.2f} s, video {video * 8 / seconds / 1e6:.2f} Mbit/s")


if __name__ == "__main__":
    main()
