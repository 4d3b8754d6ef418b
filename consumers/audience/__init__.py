"""Counts for readers who may know less: closed periods of declared length and place, small numbers banded."""
