"""What a file's own content says, read independently of the readers: what they are held against."""
