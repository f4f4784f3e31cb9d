"""Who may do what: roles, permissions, resources; pure."""
