"""Files in: what a profile says of a file, its rows as notifications in the order they became known, and their play."""
