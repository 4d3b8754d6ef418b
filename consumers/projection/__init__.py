"""What screens read: the newest counts and alerts in Redis, a cache that is rebuilt from the topics at any time."""
