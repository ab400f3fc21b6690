"""Admin registrations, imported by Django's admin autodiscovery."""

# Imported for the side effect: each module registers its models with the admin site.
import console.events.admin
import console.incidents.admin
import console.keys.admin
import console.owners.admin
import console.people.admin
import console.plans.admin
import console.roles.admin
import console.waivers.admin
import console.webhooks.admin  # noqa: F401
