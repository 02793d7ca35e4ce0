"""Every error that jasper raises on purpose, as one tree.

MediaError
├── UnreadableMediaError        not media, or malformed beyond reading
│   ├── EncryptedMediaError
│   └── NoMediaError            neither video nor audio
│       ├── NoVideoError
│       └── NoAudioError
├── UnknownCodecError           media of a codec that nothing here decodes
├── CorruptMediaError           media whose content cannot be decoded
├── FrameOutOfRangeError        no such frame
├── SpanOutOfRangeError         no such span of time
├── TimecodeError               no time code, or none at that rate
├── TimelineConflictError       the same content, at other times
├── SourceChangedError          the file no longer holds the asset
├── DecodingLimitError          reading the media takes more than is allowed
│   ├── DecodingTimeError       … time
│   ├── DecodingMemoryError     … memory
│   ├── DecompressionBombError  … pictures for so small a file
│   ├── FrameTooLargeError
│   ├── TooManyFramesError
│   ├── TooManyStreamsError
│   └── OutputTooLargeError
├── DecoderCrashedError         the decoder died on the file
├── DecoderStoppedError         the decoder was ended from outside; may pass by itself
└── MediaIOError                the file cannot be read or written; may pass by itself
"""

from typing import ClassVar


class MediaError(Exception):
    """The media could not be read."""

    #: Whether the same call may succeed later without any change by the caller.
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class UnreadableMediaError(MediaError):
    """The file is not media, or is malformed beyond reading."""


class EncryptedMediaError(UnreadableMediaError):
    """The media is encrypted; supply it decrypted."""


class NoMediaError(UnreadableMediaError):
    """The file holds neither video nor audio."""


class NoVideoError(NoMediaError):
    """The file holds no video."""


class NoAudioError(NoMediaError):
    """The file holds no sound."""


class UnknownCodecError(MediaError):
    """The media is of a codec that nothing here decodes; convert it."""


class CorruptMediaError(MediaError):
    """The media's content cannot be decoded."""


class FrameOutOfRangeError(MediaError, IndexError):
    """There is no such frame."""


class SpanOutOfRangeError(MediaError, IndexError):
    """There is no such span of time."""


class TimecodeError(MediaError):
    """It is no time code, or none at that rate."""


class TimelineConflictError(MediaError):
    """The file holds a known asset, but shows its frames at other times."""


class SourceChangedError(MediaError):
    """The file no longer holds the asset that it held."""


class DecodingLimitError(MediaError):
    """Reading the media takes more than is allowed."""


class DecodingTimeError(DecodingLimitError):
    """Reading the media takes too long, or goes on without getting anywhere."""


class DecodingMemoryError(DecodingLimitError):
    """Reading the media takes too much memory."""


class DecompressionBombError(DecodingLimitError):
    """The file is tiny beside the pictures that come out of it."""


class FrameTooLargeError(DecodingLimitError):
    """The pictures of the media are larger than is allowed."""


class TooManyFramesError(DecodingLimitError):
    """The media has more frames than are allowed."""


class TooManyStreamsError(DecodingLimitError):
    """The media has more streams than are allowed."""


class OutputTooLargeError(DecodingLimitError):
    """What is made from the media takes more disk than is allowed."""


class DecoderCrashedError(MediaError):
    """The decoder died on the file; the file is damaged, or made to do that."""


class DecoderStoppedError(MediaError):
    """The decoder was ended from outside, by a person or by a system short of memory."""

    retryable = True


class MediaIOError(MediaError):
    """The file cannot be read or written just now."""

    retryable = True
