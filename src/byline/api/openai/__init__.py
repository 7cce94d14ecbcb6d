"""OpenAI's face of the backends: `/v1`."""
