"""What an event costs: each stage, and a plain loop beside it in the same run."""
