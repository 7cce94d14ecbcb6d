"""Texts as vectors: embedders, vector spaces, their HNSW graphs, and filling them."""
