"""A database that is damaged, made anew from what is sound."""
