"""The PostgreSQL that comes with Byline: its programs, its data, its process."""
