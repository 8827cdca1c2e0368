"""The journal on its own: caps at the edge, many processes, and a file that cannot be used."""
