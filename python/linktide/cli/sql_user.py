"""`linktide sql-user`: add or remove a user of the SQL endpoint."""

from __future__ import annotations

import sys

import click

from linktide.cli.flags import config_options, read_config
from linktide.errors import ConfigError
from linktide.serve.sql_users import make_user, read_users, write_users
from linktide.store.gate import Role


@click.command("sql-user", short_help="Add or remove a user of the SQL endpoint.")
@config_options
@click.argument("name")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), default=Role.READER.value, show_default=True,
    help="reader: the documented views; admin: the schema internal too. Neither may write.",
)  # fmt: skip
@click.option("--remove", "is_removed", is_flag=True, help="Remove the user.")
def sql_user(name: str, *, role: str, is_removed: bool, **flags: object) -> None:
    """Write the verifier of a user's password into sql.users_file.

    The password is asked for, or read as one line from standard input if that is no terminal. A running
    service takes the file again at SIGHUP.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    path = config.sql_users_file
    if path is None:
        raise ConfigError("sql.users_file is not set; name the file that holds the users.")
    users = read_users(path) if path.exists() else ()
    others = [user for user in users if user.name != name]
    if is_removed and len(others) == len(users):
        raise ConfigError(f"{path} has no user {name!r}.")
    made = [] if is_removed else [make_user(name, Role(role), _password())]
    try:
        write_users(path, [*others, *made])
    except OSError as error:
        raise ConfigError(f"sql.users_file {path} cannot be written ({error.strerror}).") from error
    click.echo(
        f"{'Removed' if is_removed else 'Wrote'} {name} in {path}; a running service takes it at SIGHUP."
    )


def _password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
