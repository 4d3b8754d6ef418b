"""The review: what is true over years, from the same counts, areas and groups as the stream."""
