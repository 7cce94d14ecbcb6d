"""An answer as a page shows it: text, sources, transcript."""
