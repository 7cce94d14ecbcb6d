"""Byline answers questions from your own documents, on the machine you name."""

__version__ = "0.1.0"
