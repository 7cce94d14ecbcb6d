"""Configuration: one TOML file, read once, into a frozen typed tree."""
