"""Who may do what: access keys, and whom a request acts for."""
