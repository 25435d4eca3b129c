"""Mathematical functions in LLVM IR that its loop vectoriser takes, each with a stated bound of its error."""
