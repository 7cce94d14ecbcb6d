"""Bytes in and out: the server, its protocol, JSON, event streams."""
