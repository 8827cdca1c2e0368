"""`shotbuild deliver`."""

from shotbuild.cli.making import command_for

command = command_for("deliver")
