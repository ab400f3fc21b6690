"""REST API: views, authentication, throttling, problems and the OpenAPI document."""
