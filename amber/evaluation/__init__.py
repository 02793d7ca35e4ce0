"""Scores of results against truth, and the published figures of match cutting that they are checked with."""
