"""What machines did: calls and states, kept for a day."""
