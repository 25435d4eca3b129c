"""The `native` engine: a planned program as machine code, made by LLVM for this processor."""
