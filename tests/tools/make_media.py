#!/usr/bin/env python3
"""Makes testdata/bunny.mp4 from testdata/bigbuckbunny.mp4.

The result is what an encoder should send to a live room: H264 constrained baseline without
B-frames, a keyframe each second, and Opus. It is cut to whole seconds in both tracks so that it
loops without a seam. Needs PyAV (pip install av==18.1.0) with libx264 and libopus.

    tests/tools/make_media.py testdata/bigbuckbunny.mp4 testdata/bunny.mp4
"""

import argparse
import sys
from fractions import Fraction

import av

FPS = 25
WIDTH, HEIGHT = 1280, 720
VIDEO_BITS_PER_SECOND = 1_500_000
AUDIO_BITS_PER_SECOND = 64_000
AUDIO_RATE = 48_000


def video_frames(source, seconds):
    """Exactly FPS * seconds pictures, repeating or leaving out the source's as needed."""
    wanted = FPS * seconds
    graph = None
    made = 0
    with av.open(source) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            if graph is None:
                graph = av.filter.Graph()
                chain = [
                    graph.add_buffer(template=stream, time_base=stream.time_base),
                    graph.add("fps", str(FPS)),
                    graph.add("scale", f"{WIDTH}:{HEIGHT}:flags=lanczos"),
                    graph.add("format", "yuv420p"),
                    graph.add("buffersink"),
                ]
                graph.link_nodes(*chain).configure()
            graph.push(frame)
            while made < wanted:
                try:
                    made_frame = graph.pull()
                except (av.BlockingIOError, av.EOFError):
                    break
                made_frame.pts = made
                made_frame.time_base = Fraction(1, FPS)
                made_frame.pict_type = av.video.frame.PictureType.NONE
                made += 1
                yield made_frame
            if made == wanted:
                return
    raise SystemExit(f"{source} is shorter than {seconds} s")


def audio_frames(source, seconds):
    """Exactly AUDIO_RATE * seconds samples of stereo, in frames of 20 ms; silence where it ends."""
    resampler = av.AudioResampler(format="s16", layout="stereo", rate=AUDIO_RATE, frame_size=960)
    wanted = AUDIO_RATE * seconds
    made = 0

    def numbered(frame):
        nonlocal made
        frame.pts = made
        frame.time_base = Fraction(1, AUDIO_RATE)
        made += frame.samples
        return frame

    with av.open(source) as container:
        if container.streams.audio:
            for frame in container.decode(container.streams.audio[0]):
                for piece in resampler.resample(frame):
                    if made < wanted and piece.samples == 960:
                        yield numbered(piece)
                if made >= wanted:
                    return
    while made < wanted:
        silence = av.AudioFrame(format="s16", layout="stereo", samples=960)
        silence.sample_rate = AUDIO_RATE
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        yield numbered(silence)


def make(source, target, seconds):
    with av.open(target, "w", options={"movflags": "+faststart"}) as out:
        out.metadata["comment"] = "Big Buck Bunny, (c) Blender Foundation, CC BY 3.0"
        video = out.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.bit_rate = VIDEO_BITS_PER_SECOND
        video.codec_context.gop_size = FPS
        video.codec_context.max_b_frames = 0
        video.codec_context.time_base = Fraction(1, FPS)
        video.options = {
            "profile": "baseline",
            "level": "3.1",
            "preset": "slow",
            # One slice per picture and a steady rate, as a live encoder makes it.
            "x264-params": f"keyint={FPS}:min-keyint={FPS}:scenecut=0:slices=1:"
            f"vbv-maxrate={VIDEO_BITS_PER_SECOND // 1000}:"
            f"vbv-bufsize={VIDEO_BITS_PER_SECOND // 1000}",
        }
        audio = out.add_stream("libopus", rate=AUDIO_RATE, layout="stereo")
        audio.bit_rate = AUDIO_BITS_PER_SECOND
        audio.options = {"frame_duration": "20"}
        for stream, frames in (
            (video, video_frames(source, seconds)),
            (audio, audio_frames(source, seconds)),
        ):
            for frame in frames:
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("source")
    arguments.add_argument("target")
    arguments.add_argument("--seconds", type=int, default=5)
    given = arguments.parse_args()
    make(given.source, given.target, given.seconds)


if __name__ == "__main__":
    sys.exit(main())
