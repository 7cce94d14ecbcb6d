"""Agent mode: a pure step machine, its tools, its messages."""
