"""The seed corpus of the fuzzer: the smallest films of every container and codec that real sources come in."""

from pathlib import Path

from tests.jasper.making import ffmpeg

_PICTURES = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=0.6")
_SOUND = ("-f", "lavfi", "-i", "sine=frequency=500:duration=0.6:sample_rate=16000")
_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", 45, "-bf", 1, "-pix_fmt", "yuv420p")
_AAC = ("-c:a", "aac", "-b:a", "16k")

#: File → how ffmpeg writes it.
SEEDS: dict[str, tuple[object, ...]] = {
    "plain.mp4": (*_H264, *_AAC),
    "front.mp4": (*_H264, *_AAC, "-movflags", "faststart"),
    "fragments.mp4": (*_H264, *_AAC, "-movflags", "frag_keyframe+empty_moov+default_base_moof", "-g", 2),
    "edits.mov": (*_H264, "-c:a", "pcm_s16be", "-output_ts_offset", 1),
    "hevc.mp4": ("-c:v", "libx265", "-x265-params", "log-level=none", "-crf", 40, *_AAC),
    "av1.mp4": ("-c:v", "libsvtav1", "-crf", 60, "-preset", 12, "-an"),
    "phone.3gp": ("-s", "176x144", "-c:v", "h263", "-an"),
    "film.mkv": (*_H264, "-c:a", "flac"),
    "live.mkv": (*_H264, "-c:a", "ac3", "-live", 1),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-crf", 60, "-b:v", 0, "-c:a", "libopus", "-b:a", "12k"),
    "vp8.webm": ("-c:v", "libvpx", "-b:v", "20k", "-auto-alt-ref", 1, "-c:a", "libvorbis"),
    "film.ts": (*_H264, *_AAC),
    "mpeg2.ts": ("-c:v", "mpeg2video", "-q:v", 20, "-c:a", "mp2", "-r", 25),
    "film.mpg": ("-c:v", "mpeg1video", "-q:v", 20, "-c:a", "mp2", "-r", 25),
    "film.avi": ("-c:v", "mpeg4", "-q:v", 20, "-c:a", "libmp3lame", "-b:a", "16k"),
    "film.flv": (*_H264, *_AAC),
    "film.wmv": ("-c:v", "wmv2", "-c:a", "wmav2"),
    "film.mxf": ("-c:v", "mpeg2video", "-q:v", 25, "-r", 25, "-c:a", "pcm_s16le", "-ar", 48000, "-t", 0.2),
    "film.ogv": ("-c:v", "libtheora", "-q:v", 1, "-c:a", "libvorbis"),
    "film.nut": ("-c:v", "ffv1", "-an", "-frames:v", 2),
    "film.ivf": ("-c:v", "libvpx", "-b:v", "20k", "-an"),
    "bare.h264": (*_H264, "-an"),
    "bare.hevc": ("-c:v", "libx265", "-x265-params", "log-level=none", "-crf", 40, "-an"),
    "bare.aac": ("-vn", *_AAC),
    "sound.wav": ("-vn", "-c:a", "pcm_s16le", "-t", 0.1),
    "sound.aiff": ("-vn", "-c:a", "pcm_s16be", "-t", 0.1),
    "sound.mp3": ("-vn", "-c:a", "libmp3lame", "-b:a", "16k"),
    "sound.flac": ("-vn", "-c:a", "flac", "-t", 0.2),
    "sound.m4a": ("-vn", "-c:a", "alac", "-t", 0.2),
}


def make_seeds(folder: Path) -> list[Path]:
    """Write the corpus; the files, sorted."""
    for name, arguments in SEEDS.items():
        ffmpeg(*_PICTURES, *_SOUND, *arguments, "-threads", 1, folder / name)
    return sorted(folder / name for name in SEEDS)
