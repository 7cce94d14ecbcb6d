"""Health, live events and the description of the API over HTTP."""
