"""What a model is shown: sources, fences, budgets, tokens."""
