"""Models of other apps that have no page in the admin."""

from django.contrib import admin
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

for _model in (TOTPDevice, StaticDevice):
    # django-otp registers pages for its devices, and they show the authenticators' keys.
    admin.site.unregister(_model)
