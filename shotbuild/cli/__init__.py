"""The command line: options in, one call of the workspace, text out, an exit code."""
