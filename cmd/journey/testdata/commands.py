"""Prints the commands that the pulp program has, a line for each that does something by itself."""

import click
from pulp_cli import load_plugins, main


def leaves(command, words):
    if not isinstance(command, click.Group):
        yield " ".join(words)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None:
            yield from leaves(inner, [*words, name])


load_plugins()
print("\n".join(sorted(set(leaves(main, ["pulp"])))))
