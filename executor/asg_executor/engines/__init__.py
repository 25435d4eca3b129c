"""The engines: each turns a document into an executable."""
