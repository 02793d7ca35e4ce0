"""The servers that stores are kept on."""

from tests.servers.s3 import s3
from tests.servers.valkey import valkey
from tests.store.combinations import servers

__all__ = ["s3", "servers", "valkey"]
