"""The manifests in config/kubernetes: rendered, against schemas and policies, and against what the code has."""
