"""What a public body publishes and keeps about its use of firebreak: made from what is configured and measured."""
