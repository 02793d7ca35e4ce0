"""Tests of the algorithms as plain functions: arrays and short clips in, arrays out; no store."""
