"""The stream processor: three stages, their transport, and what feeds and replays them."""
