"""Spreadsheets, whose cells are read as their sheets display them."""
