"""Decoders and encoders made from Avro schemas, for the paths where a library's general ones cost too much."""

from __future__ import annotations

from schemas.codegen.decoder import compile_decoder
from schemas.codegen.encoder import compile_encoder
from schemas.codegen.layout import Layout, Literal, Step, variant
from schemas.codegen.runtime import Unreadable, malformed
from schemas.codegen.shapes import Struct, struct

__all__ = [
    "Layout",
    "Literal",
    "Step",
    "Struct",
    "Unreadable",
    "compile_decoder",
    "compile_encoder",
    "malformed",
    "struct",
    "variant",
]
