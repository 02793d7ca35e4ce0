"""The film and homes of the acceptance tests, and the servers that tests share."""

from tests.acceptance.conftest import amber, clip, first, first_answer, warm
from tests.servers.s3 import s3
from tests.servers.valkey import valkey

__all__ = ["amber", "clip", "first", "first_answer", "s3", "valkey", "warm"]
