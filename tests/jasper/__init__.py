"""Promises of the media room."""
