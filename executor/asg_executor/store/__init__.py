"""Where the service keeps its graphs."""
