"""
The console script ``firebreak``: a click group whose commands come from the entry points ``firebreak.commands``.

So the stream processor and the consumers stay strangers, and a plug-in can add a command.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points, version

import click

from schemas.errors import FirebreakError, UsageError

GROUP = "firebreak.commands"


class Commands(click.Group):
    """Commands by entry point, each loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of all commands, sorted."""
        return sorted(entry_points(group=GROUP).names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Load one command."""
        found = tuple(entry_points(group=GROUP, name=cmd_name))
        if not found:
            return None
        command = found[0].load()
        assert isinstance(command, click.Command), f"{cmd_name} is no command"  # noqa: S101 - a plug-in's mistake
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(version("firebreak-streams"), prog_name="firebreak")
def firebreak() -> None:
    """Early warning on live incident notifications."""


def main() -> None:
    """Run the console script; a user's mistake is one line and exit code 2, a failure one line and 1."""
    try:
        code = firebreak.main(standalone_mode=False)
    except click.ClickException as mistake:
        mistake.show()
        sys.exit(2)
    except UsageError as mistake:
        click.echo(f"firebreak: {mistake}", err=True)
        sys.exit(2)
    except FirebreakError as failure:
        click.echo(f"firebreak: {failure}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
