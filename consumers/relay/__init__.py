"""Topics of one subscriber's own: what of the public topics it asked for, and nothing else."""
