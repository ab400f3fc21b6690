"""manage.py proxy_config: prints a proxy configuration that puts Latchkey in front of a service."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.proxies.render import FILES, configuration
from gateway.proxies.values import Address, NotUsable, Values
from latchkey.arguments import whole_number
from latchkey.cli.exit_codes import REFUSED


class Command(BaseCommand):
    """Command that prints a configuration file, so it has no --format option."""

    help = "Print a proxy's configuration in which Latchkey checks every request to --upstream."
    # Operators run this command before a database exists.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("proxy", choices=list(FILES), help="the proxy")
        parser.add_argument(
            "--upstream", required=True, metavar="URL", help="the service, for example http://127.0.0.1:9000"
        )
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            dest="scopes",
            metavar="SCOPE",
            help="a scope that the key must have",
        )
        parser.add_argument(
            "--cost", type=whole_number(), default=1, metavar="N", help="tokens that a request costs; default: 1"
        )
        parser.add_argument(
            "--listen", type=whole_number(), default=8080, metavar="PORT", help="the proxy's port; default: 8080"
        )
        parser.add_argument(
            "--websocket",
            action="store_true",
            help="allow upgrades to a WebSocket; its messages are not checked",
        )
        parser.add_argument(
            "--cors-origin",
            action="append",
            default=[],
            dest="cors_origins",
            metavar="ORIGIN",
            help="an origin whose pages may call the service, for example https://app.example",
        )
        parser.add_argument(
            "--keep-authorization",
            action="store_true",
            help="leave Authorization to the service; keys are then accepted only in the other CREDENTIAL_HEADERS",
        )
        parser.add_argument(
            "--latchkey",
            action="append",
            metavar="URL",
            help="URL at which the proxy reaches Latchkey, repeated for each node, or unix:/PATH; default: PORT on "
            "this host",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        here = f"http://127.0.0.1:{settings.PORT}"
        try:
            values = Values(
                upstream=Address.of(options["upstream"], "--upstream"),
                latchkey=tuple(Address.of_latchkey(url) for url in options["latchkey"] or [here]),
                public_url=settings.PUBLIC_URL,
                scopes=tuple(options["scopes"]),
                cost=options["cost"],
                listen=options["listen"],
                websocket=options["websocket"],
                cors_origins=tuple(dict.fromkeys(options["cors_origins"])),
                keep_authorization=options["keep_authorization"],
                credential_headers=settings.CREDENTIAL_HEADERS,
            )
            text = configuration(options["proxy"], values)
        except NotUsable as error:
            raise CommandError(str(error), returncode=REFUSED) from None
        self.stdout.write(text, ending="")
