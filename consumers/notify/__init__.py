"""The notifier: who is told what of an alert, by which way, once."""
