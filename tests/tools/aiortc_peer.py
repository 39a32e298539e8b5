#!/usr/bin/env python3
"""aiortc as a publisher by WHIP or as a viewer by WHEP. It leaves loopback out: tests/browser/alone.sh gives it a network.

    aiortc_peer.py publish URL FILE [--token KEY] [--codec VP8|H264]
    aiortc_peer.py watch URL [--token TOKEN] [--srtp PROFILE] [--frames N]

`publish` decodes FILE, makes it small and encodes it again, until SIGTERM ends it with a goodbye (DELETE); it prints
one line when it is connected. `watch` decodes what it is shown until it has N pictures (50) and as much sound, says
goodbye and prints one JSON object: what was agreed on and what was seen. With --srtp it offers that profile alone
(SRTP_AES128_CM_SHA1_80, as older clients do).

Exit codes: 0 as told, 1 the server or the network failed, 2 wrong arguments.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
import urllib.error
import urllib.request

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    rtcdtlstransport,
)
from aiortc.contrib.media import MediaPlayer

PATIENCE_S = 30
WIDTH, HEIGHT = 320, 180

class Small(MediaStreamTrack):
    """The pictures of a film, small enough to be encoded beside everything else."""

    kind = "video"

    def __init__(self, source):
        super().__init__()
        self.source = source

    async def recv(self):
        frame = await self.source.recv()
        small = frame.reformat(width=WIDTH, height=HEIGHT)
        small.pts, small.time_base = frame.pts, frame.time_base
        return small


def request(method, url, token, body=None):
    asked = urllib.request.Request(url, method=method, data=body and body.encode())
    if body:
        asked.add_header("Content-Type", "application/sdp")
    if token:
        asked.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
        return answer.headers.get("Location"), answer.read().decode()


class Session:
    """One resource of WHIP or WHEP and the peer connection behind it."""

    def __init__(self, url, token):
        self.url, self.token, self.resource = url, token, None
        self.connected = asyncio.Event()
        # Without servers of its own it would ask one that is not here where it is.
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peer.on("connectionstatechange", self.changed)

    def changed(self):
        if self.peer.connectionState == "connected":
            self.connected.set()

    async def open(self):
        began = time.monotonic()
        await self.peer.setLocalDescription(await self.peer.createOffer())
        offer = self.peer.localDescription.sdp
        location, answer = await asyncio.to_thread(request, "POST", self.url, self.token, offer)
        self.resource = urllib.request.urljoin(self.url, location)
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        await asyncio.wait_for(self.connected.wait(), PATIENCE_S)
        return 1000 * (time.monotonic() - began)

    async def close(self):
        if self.resource:
            await asyncio.to_thread(request, "DELETE", self.resource, self.token)
        await self.peer.close()


async def publish(given):
    film = MediaPlayer(given.file, loop=True)
    session = Session(given.url, given.token)
    session.peer.addTransceiver(film.audio, direction="sendonly")
    video = session.peer.addTransceiver(Small(film.video), direction="sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    named = (f"video/{given.codec}".lower(), "video/rtx")
    video.setCodecPreferences([it for it in codecs if it.mimeType.lower() in named])
    stopped = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stopped.set)
    try:
        print(f"connected after {await session.open():.0f} ms", flush=True)
        await stopped.wait()
    finally:
        film.audio.stop()
        film.video.stop()
        await session.close()


async def watch(given):
    if given.srtp:
        wanted = given.srtp.encode()
        known = rtcdtlstransport.SRTP_PROFILES
        rtcdtlstransport.SRTP_PROFILES = [it for it in known if it.openssl_profile == wanted]
    session = Session(given.url, given.token)
    receivers = {
        kind: session.peer.addTransceiver(kind, direction="recvonly").receiver
        for kind in ("video", "audio")
    }
    try:
        seen = {"connected_ms": round(await session.open())}
        reading = asyncio.gather(pictures(receivers["video"].track, given.frames), sound(receivers["audio"].track))
        (seen["width"], seen["height"], seen["pictures"]), seen["sounds"] = await asyncio.wait_for(reading, PATIENCE_S)
        transport = receivers["video"].transport
        seen["srtp"] = transport._ssl.get_selected_srtp_profile().decode()
        stats = (await receivers["video"].getStats()).values()
        seen["lost"] = next(it.packetsLost for it in stats if it.type == "inbound-rtp")
    finally:
        await session.close()
    print(json.dumps(seen), flush=True)


async def pictures(track, count):
    for _ in range(count):
        frame = await track.recv()
    return frame.width, frame.height, count


async def sound(track):
    """How many of 50 frames of sound were not silent."""
    heard = 0
    for _ in range(50):
        frame = await track.recv()
        heard += any(bytes(frame.planes[0]))
    return heard


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    actions = words.add_subparsers(dest="action", required=True)
    publishing = actions.add_parser("publish")
    publishing.add_argument("url")
    publishing.add_argument("file")
    publishing.add_argument("--codec", default="VP8", choices=["VP8", "H264"])
    watching = actions.add_parser("watch")
    watching.add_argument("url")
    watching.add_argument("--srtp", choices=[it.openssl_profile.decode() for it in rtcdtlstransport.SRTP_PROFILES])
    watching.add_argument("--frames", type=int, default=50)
    for each in (publishing, watching):
        each.add_argument("--token")
    given = words.parse_args()
    try:
        asyncio.run(publish(given) if given.action == "publish" else watch(given))
    except (OSError, asyncio.TimeoutError, urllib.error.HTTPError) as error:
        print(f"aiortc_peer: {error!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
