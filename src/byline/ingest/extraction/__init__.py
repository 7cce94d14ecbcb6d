"""Files to text in child processes."""
