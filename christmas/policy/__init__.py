"""Who may do what: rules from the policy file, and what a caller has of them."""
