"""How the `cog` provider asks a container: what it takes, whether it is ready, one prediction at a time."""
