"""The command `regard`: one module a subcommand."""
