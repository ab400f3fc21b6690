"""The source gates: what is judged of the tree and the lock, without building anything."""

from typing import Final

from gates import (
    dependency_audit,
    deploy_check,
    dockerfile,
    lock,
    migrations,
    newer_python,
    python_minimum,
    sbom,
    secrets,
    security_lint,
    version,
    workflows,
)
from gates.verdict import Gate

SOURCE_GATES: Final[tuple[Gate, ...]] = (
    version.GATE,
    python_minimum.GATE,
    newer_python.GATE,
    lock.GATE,
    dependency_audit.GATE,
    sbom.GATE,
    migrations.GATE,
    secrets.GATE,
    security_lint.GATE,
    deploy_check.GATE,
    dockerfile.GATE,
    workflows.GATE,
)
