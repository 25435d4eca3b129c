"""`make bench`: how long steps, requests and transforms take, beside other libraries in the same run."""
