"""Plain clients of model servers: no gate, no choice, no retry elsewhere. `dispatch` gates them."""
