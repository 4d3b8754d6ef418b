"""What reads firebreak's topics: notifier, projector, console, archive."""
