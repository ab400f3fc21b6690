"""What the admin shows: imported by Django's discovery of admins."""

# Each registers what it is about.
import console.events
import console.incidents
import console.keys.admin
import console.waivers
import console.webhooks  # noqa: F401
