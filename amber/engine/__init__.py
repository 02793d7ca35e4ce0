"""Resolves asks: finds what is stored, computes what is missing."""
