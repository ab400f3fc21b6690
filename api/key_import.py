"""/v1/keys/import: issues keys for tokens that another system issued, by their digests."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import KeyAPIView, origin_of
from api.permissions import caller
from api.schemas.key_import import ImportedKeys, KeyImport
from apikeys.imports.service import ImportService
from apikeys.imports.source_values import parse_import
from latchkey.problems import errors_json


class KeyImports(KeyAPIView):
    """Imports of keys."""

    scopes = {"POST": "keys:write"}
    problems = {"POST": ("insufficient-scope",)}

    @extend_schema(operation_id="import_keys", request=KeyImport, responses=ImportedKeys)
    def post(self, request: Request) -> Response:
        """Import keys of another system by their digests. Their tokens stay valid. A key with an error is left out, and
        a key that was imported before stays as it is, so you can repeat a call.
        """
        source, keys, dry_run = parse_import(request.data, timezone.now())
        service = ImportService(origin_of(request), authority=caller(request))
        result = service.import_keys(source, keys, dry_run=dry_run)
        errors = errors_json(fault.under(f"/keys/{index}") for index, fault in result.errors)
        return Response({"imported": result.imported, "unchanged": result.unchanged, "errors": errors})
