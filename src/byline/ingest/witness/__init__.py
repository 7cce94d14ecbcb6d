"""The second witness of a reading: a file's own text, found without the reader and held against
what that found. What is missing is added to the text, or said in a warning of the document."""
