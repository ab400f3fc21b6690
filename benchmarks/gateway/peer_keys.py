"""Command `python -m benchmarks.gateway.peer_keys NUMBER`, run in the other libraries' environment.

It creates the tables of the comparison server with that many keys, and prints the keys, one per line.
"""

import sys
from importlib import import_module

import django
from django.core.management import call_command


def main(number: int) -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    # Imported here, because models can't be imported before Django is set up.
    keys = import_module("rest_framework_api_key.models").APIKey.objects
    for label in range(number):
        print(keys.create_key(name=f"key {label}")[1])


if __name__ == "__main__":
    main(int(sys.argv[1]))
