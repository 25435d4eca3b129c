"""Training sessions: parameters, gradients and optimizer slots, and the steps that change them."""
