"""A demonstration: a made-up London at the published rates, played through the real stages, seen in a terminal."""
