"""Makers, one module per format. A maker draws items (meanings with a gold label) once, and tells
any item in any language."""
