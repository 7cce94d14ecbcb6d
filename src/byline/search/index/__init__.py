"""What is written when a document is indexed: postings, statistics, words."""
