"""`shotbuild build`."""

from shotbuild.cli.making import command_for

command = command_for("build")
