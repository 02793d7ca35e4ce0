"""The film and homes of the acceptance tests."""

from tests.acceptance.conftest import amber, clip, first, first_answer, warm

__all__ = ["amber", "clip", "first", "first_answer", "warm"]
