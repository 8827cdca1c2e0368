"""The review page: what needs a decision, and one place to decide."""
