"""Makers: one module per format. A maker draws items (meanings with a gold label) once, then tells
any item in any language."""
