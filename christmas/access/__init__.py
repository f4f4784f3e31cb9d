"""Who may do what: roles and permissions from a policy, keys that prove who asks."""
