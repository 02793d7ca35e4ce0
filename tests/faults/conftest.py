"""The film and homes of the acceptance tests."""

from tests.acceptance.conftest import amber, clip, first_answer, first_home, warm

__all__ = ["amber", "clip", "first_answer", "first_home", "warm"]
