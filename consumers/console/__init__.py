"""The console: server-rendered pages of the cache, live by server-sent events, actions through the log."""
