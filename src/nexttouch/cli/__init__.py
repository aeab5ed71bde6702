"""Commands: parse, call, print. Nothing heavy is imported before a command needs it."""

from nexttouch.cli.app import main

__all__ = ["main"]
