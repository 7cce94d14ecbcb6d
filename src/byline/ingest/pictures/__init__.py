"""Pages of PDF documents as pictures, with a passage marked."""
