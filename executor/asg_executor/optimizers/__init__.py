"""The optimizers: what a step does with the gradients, each written as a small ASG document."""
