"""The commands of the transformer, one a file; `asg_autograd.cli` lists them."""
