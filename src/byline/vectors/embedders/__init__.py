"""What turns text into vectors: a bundled model, a server, or nothing."""
