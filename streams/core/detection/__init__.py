"""Is violence in an area above what is normal there? Expected counts, evidence, alert budget, episodes."""
