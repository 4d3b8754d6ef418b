"""The observer: what the topics and the groups tell, as metrics, whether or not a worker lives."""
