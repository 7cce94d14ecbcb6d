"""PDFs, read by the layout of their pages."""
