"""Every error that jasper raises on purpose, as one tree.

MediaError
├── UnreadableMediaError        not media, or malformed beyond reading
│   ├── EncryptedMediaError
│   └── NoMediaError            neither video nor audio
│       ├── NoVideoError
│       └── NoAudioError
├── CorruptMediaError           media whose content cannot be decoded
├── FrameOutOfRangeError        no such frame
├── SpanOutOfRangeError         no such span of time
├── TimelineConflictError       the same content, at other times
├── SourceChangedError          the file no longer holds the asset
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


class CorruptMediaError(MediaError):
    """The media's content cannot be decoded."""


class FrameOutOfRangeError(MediaError, IndexError):
    """There is no such frame."""


class SpanOutOfRangeError(MediaError, IndexError):
    """There is no such span of time."""


class TimelineConflictError(MediaError):
    """The file holds a known asset, but shows its frames at other times."""


class SourceChangedError(MediaError):
    """The file no longer holds the asset that it held."""


class MediaIOError(MediaError):
    """The file cannot be read or written just now."""

    retryable = True
