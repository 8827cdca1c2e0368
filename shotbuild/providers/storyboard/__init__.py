"""How the `animatic` provider draws: words → idea → layers → planes. Integers decide every pixel."""
