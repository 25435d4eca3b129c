"""From a document to a plan: what engines share.

A plan is made for concrete shapes. It says which instructions run in which order, which of them run together tile by
tile, and where in memory each value lies; an engine only has to fill in the arithmetic.
"""
