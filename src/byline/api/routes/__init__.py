"""Every address, by what it is about."""
