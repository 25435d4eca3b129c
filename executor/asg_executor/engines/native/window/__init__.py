"""Windows in native code: convolution without a copy of its windows, sums and maxima."""
