"""The HTTP API: the only place that knows HTTP, status codes and JSON."""
