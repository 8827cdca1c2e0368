"""The doors to the machine: files, processes, tools. Nothing else in the package opens them."""
