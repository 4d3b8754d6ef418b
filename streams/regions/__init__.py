"""Region packs: geography, categories and calendar of a city as data."""
