"""What each method of the client asks of the executor and makes of the answers, without a network (see `request`)."""
