"""`python -m benchmarks.gateway.peer_keys NUMBER`, in the peers' environment: makes the peer's table with so many keys,
and prints them, one a line.
"""

import sys
from importlib import import_module

import django
from django.core.management import call_command


def main(number: int) -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    keys = import_module("rest_framework_api_key.models").APIKey.objects  # can be imported only now
    for label in range(number):
        print(keys.create_key(name=f"key {label}")[1])


if __name__ == "__main__":
    main(int(sys.argv[1]))
