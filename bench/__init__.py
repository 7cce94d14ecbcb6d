"""The budgets of Byline, measured: one module a subject, one row a budget."""
