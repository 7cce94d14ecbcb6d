"""Documents and searches over HTTP."""
