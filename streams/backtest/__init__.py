"""What the detector would have done in the past: the live code over a file of hours, with a report of it."""
