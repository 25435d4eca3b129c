"""The tangent rules of composites, by family. A composite without one is differentiated by its expansion."""
