"""The web pages: rendered on the server, plain forms, one style sheet, nothing from outside."""
