"""The stages of a run, equal parts: links, products, and the auditor's."""
