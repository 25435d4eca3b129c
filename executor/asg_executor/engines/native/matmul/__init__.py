"""Matrix products in native code: tiles that stay in registers, and packed copies that stay in the cache."""
