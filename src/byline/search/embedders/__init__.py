"""Embedders: texts to vectors, by a model of Byline's own or by a server of yours."""
