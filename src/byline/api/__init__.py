"""The door: the only place that knows HTTP, status codes and JSON."""
