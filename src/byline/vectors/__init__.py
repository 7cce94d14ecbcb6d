"""Texts as vectors: embedders, the spaces they make, their graph, and the filling of both."""
