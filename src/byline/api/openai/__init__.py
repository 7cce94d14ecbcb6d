"""The OpenAI-compatible API of the backends: `/v1`."""
