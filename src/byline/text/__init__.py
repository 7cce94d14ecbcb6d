"""What text is made of: terms, stop words, dates, sentence ends, languages. Pure."""
