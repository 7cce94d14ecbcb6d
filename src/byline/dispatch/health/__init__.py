"""How backends are known to be: evidence, states, probes."""
