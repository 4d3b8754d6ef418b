"""What an alert can be closed as: what it was, and what was done."""

OUTCOMES = ("real", "nothing_found", "duplicate", "data_error", "planned_event")
ACTIONS = ("visit", "youth_work", "licensing", "hospital_navigator", "information_only", "enforcement", "none")
