"""Facts of a text that must be exact: numbers, dates, names, units. Pure."""
