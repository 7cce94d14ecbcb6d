"""Shipped test doubles. Nothing else in Byline imports them; they import nothing of Byline's."""
