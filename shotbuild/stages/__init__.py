"""One file per kind of step. A stage reads files, writes files into a fresh folder, and checks what it wrote."""
