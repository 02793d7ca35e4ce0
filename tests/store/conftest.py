"""The servers that stores are kept on."""

from tests.store.combinations import servers

__all__ = ["servers"]
