"""Who asks, what they may do, and that it is they who ask."""
