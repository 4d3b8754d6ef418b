"""Readers of the public topics: what people and other systems are told. They meet the stages only at topics."""
